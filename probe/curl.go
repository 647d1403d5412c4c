package probe

import (
	"fmt"
	"slices"
	"strings"
)

// shell quotes one word for a POSIX shell, with the $'...' of bash, zsh and ksh where it holds what is no plain text. A shell
// that does not know those takes the word for another one, and still for one word: no quote in it is written as a quote.
func shell(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-", c)
	}) {
		return s
	}
	odd := false
	for i := range len(s) {
		odd = odd || s[i] < ' ' || s[i] > '~' || s[i] == '\\'
	}
	if !odd {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return "$'" + octal(s) + "'"
}

// octal writes all that is not plain text, and what quotes, as numbers.
func octal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~' || c == '\'' || c == '\\':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
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

// whole has curl print all of an answer.
var whole = []string{"-i", "--output", "-"}

// curl is the command that sends the same bytes, with options that say what is printed. A shell's word cannot hold a NUL: such a
// request goes through printf.
func curl(t *target, r *request, hide private, proto string, options ...string) string {
	if strings.ContainsRune(r.target+strings.Join(r.headers, ""), 0) || strings.ContainsRune(string(r.body), 0) {
		return raw(t, r, hide)
	}
	words := append([]string{"curl", "-s", "--path-as-is", "-g", "--max-time", "10"}, options...)
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
	return strings.Join(append(words, shell(u)), " ")
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
	text := octal(string((&http1{host: t.hostPort}).bytes(&shown)))
	to := "curl -s --max-time 10 --output - " + shell("telnet://"+t.addr)
	if t.scheme == "https" { // curl sends such bytes without TLS alone
		to = "openssl s_client -quiet -servername " + shell(t.host) + " -connect " + shell(t.addr)
	}
	return "printf '" + strings.ReplaceAll(text, "%", "%%") + "' | " + to
}
