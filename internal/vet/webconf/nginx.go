// Package webconf reads the configuration of nginx and Apache for ways in which they hand out what they should not.
// It knows one file at a time, and follows no include.
package webconf

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/flow"
)

// Kind tells the two apart by what they look like; "" is neither.
func Kind(text string) string {
	switch {
	case nginxSign.MatchString(text):
		return "nginx"
	case apacheSign.MatchString(text):
		return "apache"
	}
	return ""
}

var (
	apacheSign = regexp.MustCompile(`(?mi)^\s*(<(VirtualHost|Directory|Location|Files|IfModule)\b|XSendFile|DocumentRoot|WSGIScriptAlias|Alias(Match)?\s|Options\s|LoadModule\s)`)
	nginxSign  = regexp.MustCompile(`(?m)^\s*(server|location|http|events)\b[^\n]*\{|^\s*(alias|root|internal|disable_symlinks)\b[^\n]*;`)
)

// Read returns what is found in a file of one of the two, and the first line of blocks that are nested too deep to be
// looked at, or 0.
func Read(kind, file, text string) (found []*flow.Result, deep int) {
	if kind == "apache" {
		return readApache(file, text), 0
	}
	top, deep := parseNginx(text)
	n := &nginx{file: file, sockets: map[string]bool{}, source: map[string]bool{}}
	n.socketsOf(top)
	n.walk(top, nil)
	return n.out, deep
}

type nginx struct {
	file    string
	out     []*flow.Result
	sockets map[string]bool // directories above the sockets of applications
	source  map[string]bool // directories that were looked into: whether they hold source
}

func (n *nginx) socketsOf(d *directive) {
	for _, a := range d.args {
		if _, socket, ok := strings.Cut(a, "unix:"); ok {
			above(socket, func(dir string) { n.sockets[dir] = true })
		}
	}
	for _, c := range d.block {
		n.socketsOf(c)
	}
}

// holdsSource looks once.
func (n *nginx) holdsSource(dir string) bool {
	known, ok := n.source[dir]
	if !ok {
		known = holdsSource(n.file, dir)
		n.source[dir] = known
	}
	return known
}

func (n *nginx) add(rule string, level flow.Level, d *directive, reason, request string, remains ...string) {
	n.out = append(n.out, &flow.Result{Rule: rule, Level: level, File: n.file, Line: d.line, End: d.line, Sink: d.name, Reason: reason, Request: request, Remains: remains})
}

// walk looks at d with what is around it.
func (n *nginx) walk(d *directive, around []*directive) {
	around = append(around[:len(around):len(around)], d)
	for _, c := range d.block {
		switch c.name {
		case "alias":
			n.alias(c, d)
			n.fromRequest(c, c.arg(0))
			n.links(c, around)
		case "root":
			n.fromRequest(c, c.arg(0))
			n.root(c, around)
			n.links(c, around)
		case "try_files":
			for _, a := range c.args {
				n.fromRequest(c, a)
			}
		}
		if c.block != nil {
			n.walk(c, around)
		}
	}
	if d.name == "location" {
		n.accel(d)
	}
}

// location returns the modifier and the pattern of a location.
func location(d *directive) (modifier, pattern string) {
	switch len(d.args) {
	case 0:
		return "", ""
	case 1:
		return "", d.args[0]
	}
	return d.args[0], d.args[1]
}

func (n *nginx) alias(a, d *directive) {
	if d.name != "location" {
		return
	}
	modifier, pattern := location(d)
	target := a.arg(0)
	switch modifier {
	case "", "^~":
		if strings.HasSuffix(pattern, "/") || pattern == "" {
			return
		}
		if strings.HasSuffix(target, "/") {
			n.add("alias-slash", flow.Unsafe, a, fmt.Sprintf("location %s has no slash at its end and its alias %s has: what follows the prefix may begin with '..'", pattern, target),
				"GET "+pattern+"../"+siblingOf(target))
			return
		}
		n.add("sibling-prefix", flow.Unsafe, a, fmt.Sprintf("location %s without a slash also takes names that begin alike: %s-old/x is looked for at %s-old/x", pattern, pattern, target), "GET "+pattern+"-old/x")
	case "~", "~*":
		if captureAfterWord(pattern, target) {
			n.add("alias-slash", flow.Unsafe, a, fmt.Sprintf("the group of %s may begin with '..', and the alias puts a slash in front of it", pattern), "GET "+literalStart(pattern)+"../")
		} else if siblingCapture(pattern, target) {
			n.add("sibling-prefix", flow.Unsafe, a, fmt.Sprintf("the group of %s follows the directory's name without a slash: directories whose names begin alike are handed out too", pattern), "GET "+literalStart(pattern)+"-old/x")
		}
	}
}

func siblingOf(target string) string {
	parent := path.Base(path.Dir(strings.TrimSuffix(target, "/")))
	return parent + "..."
}

var capture = regexp.MustCompile(`\((\?<\w+>)?`)

var (
	groupAfterSlash = regexp.MustCompile(`/\$(\d|\w+)`)
	groupAfterWord  = regexp.MustCompile(`[^/]\$(\d|\w+)`)
)

// captureAfterWord: a group stands directly behind other text than a slash, and the target has it directly behind one.
func captureAfterWord(pattern, target string) bool {
	if !groupAfterSlash.MatchString(target) {
		return false
	}
	at := capture.FindStringIndex(pattern)
	if at == nil || at[0] == 0 {
		return false
	}
	group := pattern[at[1]:]
	if strings.HasPrefix(group, "/") || strings.HasPrefix(group, "[A-Za-z0-9") || strings.HasPrefix(group, `\w`) || strings.HasPrefix(group, "[^.") || strings.HasPrefix(group, "[a-z") {
		return false
	}
	before := strings.TrimRight(pattern[:at[0]], "?")
	return before != "^" && (!strings.HasSuffix(before, "/") || strings.HasSuffix(pattern[:at[0]], "/?"))
}

// siblingCapture: the group stands behind a word in both.
func siblingCapture(pattern, target string) bool {
	at := groupAfterWord.FindStringIndex(target)
	group := capture.FindStringIndex(pattern)
	if at == nil || group == nil || group[0] == 0 {
		return false
	}
	before := pattern[:group[0]]
	return !strings.HasSuffix(before, "/") && !strings.HasSuffix(before, "^") && !strings.HasPrefix(pattern[group[1]:], "/") && flow.CanHold(pattern[group[1]:], '/')
}

func literalStart(pattern string) string {
	pattern = strings.TrimPrefix(pattern, "^")
	at := strings.IndexAny(pattern, "([\\")
	if at >= 0 {
		pattern = pattern[:at]
	}
	return strings.TrimSuffix(pattern, "/?")
}

var requestVariable = regexp.MustCompile(`\$\{?(arg_\w+|cookie_\w+|request_uri|query_string|args|http_\w+)\b`)

func (n *nginx) fromRequest(d *directive, text string) {
	m := requestVariable.FindStringSubmatch(text)
	if m == nil || m[1] == "http_host" {
		return
	}
	n.add("path-from-request", flow.Unsafe, d, fmt.Sprintf("%s uses $%s, which nginx neither decodes nor cleans: it may hold '..'", d.name, m[1]), requestFor(m[1]))
}

func requestFor(variable string) string {
	const target = "../../../../../../../../etc/passwd"
	kind, name, _ := strings.Cut(variable, "_")
	switch kind {
	case "arg":
		return "GET /?" + name + "=" + target
	case "cookie":
		return "GET / with the cookie " + name + "=" + target
	case "http":
		return "GET / with the header " + strings.ReplaceAll(name, "_", "-") + ": " + target
	}
	return "GET /" + target
}

// applicationNames are directories that hold a program more often than what it serves.
var applicationNames = map[string]bool{"app": true, "application": true, "apps": true, "project": true, "src": true, "code": true, "backend": true, "repo": true, "django": true, "flask": true}

func (n *nginx) root(d *directive, around []*directive) {
	dir := d.arg(0)
	clean := path.Clean(dir)
	switch {
	case strings.Contains(dir, "$"):
		return
	case below(around) && clean != "/":
		return // only what is beneath the location's own prefix
	case clean == "/" || clean == "/etc" || clean == "/home" || clean == "/root" || clean == "/var" || clean == "/usr" || clean == "/opt" || clean == "/proc" || clean == "/srv":
		n.add("root-holds-application", flow.Unsafe, d, "root "+dir+" is a directory of the system: everything in it that this server may read is handed out", "GET /etc/passwd")
	case below(around):
		return // only what is beneath the location's own prefix
	case applicationNames[path.Base(clean)] && (backend(around) || proxyless(around)), n.sockets[clean], n.holdsSource(dir):
		n.add("root-holds-application", flow.Unsafe, d, "root "+dir+" holds the application itself: its source, settings and database are handed out as files", "GET /app.py")
	}
}

// below: a root within a location of a longer prefix.
func below(around []*directive) bool {
	for i := len(around) - 1; i >= 0; i-- {
		if around[i].name == "location" {
			modifier, pattern := location(around[i])
			return modifier != "~" && modifier != "~*" && pattern != "/"
		}
	}
	return false
}

// proxyless: the server serves files alone, so that its root is all there is.
func proxyless(around []*directive) bool { return !backend(around) }

// backend: an application is behind this server.
func backend(around []*directive) bool {
	for _, d := range around {
		if d.name == "server" && d.pass {
			return true
		}
	}
	return false
}

// holdsSource looks whether the directory, where it is on this machine, holds source or settings.
func holdsSource(file, dir string) bool {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(file), filepath.FromSlash(dir))
	}
	if strings.HasPrefix(filepath.ToSlash(dir), "//") {
		return false // another machine's: whoever wrote the file would be asked, and told who reviews it
	}
	for _, name := range []string{"app.py", "wsgi.py", "manage.py", "settings.py", "main.py", ".env", ".git", "go.mod", "package.json", "composer.json", "Gemfile", "requirements.txt"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

var accelName = regexp.MustCompile(`(?i)protected|internal|private|x?-?accel|xsend|secure|restricted`)

// accel: a location that an application names in X-Accel-Redirect, and that anybody may ask for.
func (n *nginx) accel(d *directive) {
	modifier, pattern := location(d)
	if modifier == "~" || modifier == "~*" || !accelName.MatchString(pattern) || d.find("internal") != nil {
		return
	}
	if d.find("alias") == nil && d.find("root") == nil {
		return
	}
	if d.find("auth_basic") != nil || d.find("auth_request") != nil || d.find("deny") != nil || d.find("return") != nil || d.find("secure_link") != nil {
		return
	}
	n.add("accel-not-internal", flow.Unsafe, d, "location "+pattern+" is not internal: whoever asks for it directly has its files without asking the application", "GET "+strings.TrimSuffix(pattern, "/")+"/report.pdf")
}

// links: disable_symlinks is off unless somebody turned it on.
func (n *nginx) links(d *directive, around []*directive) {
	if here := around[len(around)-1]; here.name == "location" && here.arg(0) == "=" && d.name == "alias" && !strings.Contains(d.arg(0), "$") {
		return // one file, which no request chooses
	}
	for i := len(around) - 1; i >= 0; i-- {
		if s := around[i].find("disable_symlinks"); s != nil {
			if s.arg(0) == "off" || s.arg(0) == "if_not_owner" {
				n.add("links-followed", flow.Guarded, s, "disable_symlinks is "+s.arg(0)+": a link beneath the directory leads out of it", "", "links")
			}
			return
		}
	}
	n.add("links-followed", flow.Guarded, d, "disable_symlinks is not on: a link beneath "+d.arg(0)+" leads out of it", "", "links")
}
