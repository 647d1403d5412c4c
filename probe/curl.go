package probe

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// shell quotes one word for a POSIX shell, with the $'...' of bash, zsh and ksh where it holds what is no plain text.
func shell(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-", c)
	}) {
		return s
	}
	odd := false
	for i := range len(s) {
		odd = odd || s[i] < ' ' || s[i] > '~'
	}
	if !odd {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(rune(c)))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}

// private hides what an operator gave with --header and --cookie beside the place of the names: credentials, mostly.
type private struct{ given, cookies []string }

func newPrivate(c *Config) (p private) {
	for _, line := range append(slices.Clone(c.Headers), "Cookie: "+c.Cookie) {
		name, value, _ := strings.Cut(line, ":")
		switch {
		case strings.EqualFold(name, "Cookie"):
			for part := range strings.SplitSeq(value, ";") {
				if part = strings.TrimSpace(part); part != "" && !strings.Contains(part, Place) {
					p.cookies = append(p.cookies, part)
				}
			}
		case !strings.Contains(value, Place) && !slices.Contains(openHeaders, strings.ToLower(name)):
			p.given = append(p.given, line)
		}
	}
	return p
}

// openHeaders are no credentials, and may matter for the answer.
var openHeaders = strings.Fields("accept accept-language content-type host origin referer user-agent x-requested-with")

// line is a header as a report may show it.
func (p private) line(line string) string {
	name, value, _ := strings.Cut(line, ":")
	switch {
	case slices.Contains(p.given, line) && strings.TrimSpace(value) != "":
		return name + ": ..."
	case !strings.EqualFold(name, "Cookie"):
		return line
	}
	parts := strings.Split(value, ";")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if slices.Contains(p.cookies, part) {
			if key, _, ok := strings.Cut(part, "="); ok {
				part = key + "=..."
			} else {
				part = "..."
			}
		}
		parts[i] = part
	}
	return name + ": " + strings.Join(parts, "; ")
}

// curl is the command that sends the same bytes. A shell's word cannot hold a NUL: such a request goes through printf.
func curl(t *target, r *request, hide private, proto string) string {
	if strings.ContainsRune(r.target+strings.Join(r.headers, ""), 0) || strings.ContainsRune(string(r.body), 0) {
		return raw(t, r, hide)
	}
	words := []string{"curl", "-s", "-i", "--path-as-is", "-g", "--max-time", "10"}
	switch {
	case proto == "HTTP/2.0" && t.scheme == "http":
		words = append(words, "--http2-prior-knowledge")
	case proto == "HTTP/2.0":
		words = append(words, "--http2")
	default:
		words = append(words, "--http1.1")
	}
	if t.insecure {
		words = append(words, "-k")
	}
	for _, h := range r.headers {
		if h == "Accept: */*" || h == "Accept-Encoding: identity" {
			continue
		}
		words = append(words, "-H", shell(hide.line(h)))
	}
	if r.body != nil {
		words = append(words, "--data-raw", shell(string(r.body)))
	}
	u := t.origin()
	if isURL(r.target) {
		u += r.target
	} else {
		words = append(words, "--request-target", shell(r.target))
		u += "/"
	}
	return strings.Join(append(words, "--output", "-", shell(u)), " ")
}

// isURL says whether curl sends the target as it is when it stands in a URL.
func isURL(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("#\\\"<>^`{|}", c) })
}

func raw(t *target, r *request, hide private) string {
	shown := *r
	shown.headers = slices.Clone(r.headers)
	for i, h := range shown.headers {
		shown.headers[i] = hide.line(h)
	}
	shown.headers = append(shown.headers, "Connection: close")
	var b strings.Builder
	for _, c := range (&http1{host: t.hostPort}).bytes(&shown) {
		switch {
		case c < ' ' || c > '~' || c == '\'' || c == '\\':
			fmt.Fprintf(&b, `\%03o`, c)
		case c == '%':
			b.WriteString("%%")
		default:
			b.WriteByte(c)
		}
	}
	return "printf '" + b.String() + "' | curl -s --max-time 10 --output - telnet://" + t.addr
}

// replant puts what the case needs back before the command, and takes it away behind it.
func (g *garden) replant(t attempt, a *answer, command string) string {
	if t.secret == g.hidden && t.Class != "link-hidden" {
		path := shell(filepath.Join(g.base, g.names.hiddenA))
		return "echo canary > " + path + "; " + command + "; rm " + path
	}
	up := filepath.Dir(g.base)
	canary := g.read(a, t.file)
	if t.Class == "link-hidden" {
		canary = filepath.Join(g.base, g.names.hiddenA)
	}
	before, after := []string{}, []string{}
	if strings.Contains(canary, g.names.sibling) || strings.Contains(t.Text, g.names.sibling) {
		dir := shell(filepath.Join(up, g.names.sibling))
		before, after = append(before, "mkdir "+dir), append(after, "rmdir "+dir)
	}
	before, after = append(before, "echo canary > "+shell(canary)), append(after, "rm "+shell(canary))
	if strings.HasPrefix(t.Class, "link-") {
		b, a := g.relink(t)
		before, after = append(before, b...), append(after, a...)
	}
	slices.Reverse(after)
	return strings.Join(before, "; ") + "; " + command + "; " + strings.Join(after, "; ")
}

// read is the path of the canary that an answer holds, or of the nearest one where it is encoded.
func (g *garden) read(a *answer, name string) string {
	up := filepath.Dir(g.base)
	body := string(a.body)
	for _, u := range unpack(a.body) {
		body += string(u.data)
	}
	id := canaryID.FindStringSubmatch(body)
	switch {
	case id == nil:
		return filepath.Join(up, name)
	case id[1] == "si":
		return filepath.Join(up, g.names.sibling, "index.html")
	case id[1][0] == 's':
		return filepath.Join(up, g.names.sibling, name)
	}
	for n, _ := strconv.Atoi(id[1][:len(id[1])-1]); n > 1 && up != filepath.Dir(up); n-- { // digits, by the expression, and as many as the server likes
		up = filepath.Dir(up)
	}
	return filepath.Join(up, name)
}

// canaryID is what tells canaries apart: how many levels above the base, or s for beside it, and which of the two.
var canaryID = regexp.MustCompile(`[0-9a-f]{16}-(\d+[ab]|s[abil])`)

// relink makes the links that a name goes through.
func (g *garden) relink(t attempt) (before, after []string) {
	dir := filepath.Join(g.base, g.names.dir)
	if top, ok := strings.CutPrefix(t.Text, g.names.dir+"-"); ok {
		path := shell(filepath.Join(g.base, t.Text))
		return []string{"ln -s ../" + top + " " + path}, []string{"rm " + path}
	}
	before, after = []string{"mkdir " + shell(dir)}, []string{"rmdir " + shell(dir)}
	rest := strings.TrimPrefix(t.Text, g.names.dir+"/")
	if t.Class == "link-index" || t.Class == "link-sidecar" {
		rest = ""
	}
	for _, it := range g.made {
		name, ok := strings.CutPrefix(filepath.ToSlash(it.Path), filepath.ToSlash(dir)+"/")
		chained := t.Class == "link-chain" && slices.Contains([]string{"one-" + t.file, "two-" + t.file, "rel-" + t.file}, name)
		if it.Kind == kindLink && ok && (chained || rest == name || strings.HasPrefix(rest, name+"/") ||
			rest == "" && (strings.HasPrefix(name, "index/") || strings.HasPrefix(name, strings.TrimPrefix(t.Text, g.names.dir+"/")))) {
			before, after = append(before, "ln -s "+shell(it.Text)+" "+shell(it.Path)), append(after, "rm "+shell(it.Path))
		}
		if it.Kind == kindDir && ok && strings.HasPrefix(t.Text, g.names.dir+"/"+name) {
			before, after = append(before, "mkdir "+shell(it.Path)), append(after, "rmdir "+shell(it.Path))
		}
	}
	if t.Class == "link-sidecar" {
		page := shell(filepath.Join(g.base, filepath.FromSlash(t.Text)))
		before, after = append(before, "echo page > "+page), append(after, "rm "+page)
	}
	return before, after
}
