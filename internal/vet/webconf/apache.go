package webconf

import (
	"path"
	"regexp"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/flow"
)

// apache is what was seen of a file so far.
type apache struct {
	file    string
	out     []*flow.Result
	roots   []place // DocumentRoot and targets of Alias
	scripts []place // WSGIScriptAlias
	within  []string
	query   bool // a RewriteCond took something from the query
}

type place struct {
	path string
	line int
}

func (a *apache) add(rule string, level flow.Level, line int, name, reason, request string, remains ...string) {
	a.out = append(a.out, &flow.Result{Rule: rule, Level: level, File: a.file, Line: line, End: line, Sink: name, Reason: reason, Request: request, Remains: remains})
}

var apacheWord = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"|(\S+)`)

func apacheWords(line string) []string {
	var out []string
	for _, m := range apacheWord.FindAllStringSubmatch(line, -1) {
		if m[1] != "" {
			out = append(out, strings.ReplaceAll(m[1], `\"`, `"`))
		} else {
			out = append(out, strings.Trim(m[2], `"`))
		}
	}
	return out
}

func readApache(file, text string) []*flow.Result {
	a := &apache{file: file}
	var joined []string
	start := 0
	for i, line := range strings.Split(text, "\n") {
		if len(joined) == 0 {
			start = i + 1
		}
		line = strings.TrimSuffix(line, "\r")
		joined = append(joined, strings.TrimSuffix(line, "\\"))
		if strings.HasSuffix(line, "\\") {
			continue
		}
		line, joined = strings.TrimSpace(strings.Join(joined, " ")), nil
		if line == "" || line[0] == '#' {
			continue
		}
		a.line(line, start)
	}
	a.finish()
	return a.out
}

func (a *apache) line(line string, at int) {
	if strings.HasPrefix(line, "</") {
		if len(a.within) > 0 {
			a.within = a.within[:len(a.within)-1]
		}
		return
	}
	words := apacheWords(strings.Trim(line, "<>"))
	if strings.HasPrefix(line, "<") {
		a.within = append(a.within, strings.ToLower(strings.Join(words, " ")))
		return
	}
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch name := strings.ToLower(words[0]); name {
	case "documentroot":
		a.roots = append(a.roots, place{path.Clean(arg(1)), at})
		a.wide("DocumentRoot", arg(1), at)
		if applicationNames[path.Base(path.Clean(arg(1)))] {
			a.add("root-holds-application", flow.Unsafe, at, words[0], words[0]+" "+arg(1)+" holds the application itself: its source, settings and database are handed out as files", "GET /.env")
		}
	case "alias":
		a.roots = append(a.roots, place{path.Clean(arg(2)), at})
		a.wide("Alias", arg(2), at)
	case "aliasmatch", "scriptaliasmatch":
		if captureAfterWord(arg(1), arg(2)) {
			a.add("alias-slash", flow.Unsafe, at, words[0], "the group of "+arg(1)+" may begin with '..', and the target puts a slash in front of it", "GET "+literalStart(arg(1))+"../")
		} else if siblingCapture(arg(1), arg(2)) {
			a.add("sibling-prefix", flow.Unsafe, at, words[0], "the group of "+arg(1)+" follows the directory's name without a slash: directories whose names begin alike are handed out too", "GET "+literalStart(arg(1))+"-old/x")
		}
	case "wsgiscriptalias":
		a.scripts = append(a.scripts, place{path.Clean(arg(2)), at})
	case "options":
		a.options(words[1:], at)
	case "xsendfilepath":
		a.sendfile(arg(1), at)
	case "require", "allow":
		if strings.Contains(strings.ToLower(line), "all granted") || strings.Contains(strings.ToLower(line), "from all") {
			a.granted(at)
		}
	case "rewritecond":
		if strings.Contains(arg(1), "%{QUERY_STRING}") || strings.Contains(arg(1), "%{HTTP:") || strings.Contains(arg(1), "%{THE_REQUEST}") || strings.Contains(arg(1), "%{HTTP_COOKIE}") {
			_, group, found := strings.Cut(arg(2), "(")
			a.query = found && flow.CanHold(group, '.')
		}
	case "rewriterule":
		if a.query && strings.HasPrefix(arg(2), "/") && strings.Contains(arg(2), "%1") {
			a.add("path-from-request", flow.Unsafe, at, words[0], "the rule puts a part of the query into a path as it is: it may hold '..'", "GET /?file=../../../../../../../../etc/passwd")
		}
		a.query = false
	}
}

func (a *apache) wide(name, dir string, at int) {
	switch path.Clean(dir) {
	case "/", "/srv", "/etc", "/home", "/root", "/var", "/usr", "/proc":
		a.add("root-holds-application", flow.Unsafe, at, name, name+" "+dir+" is a directory of the system: everything in it that this server may read is handed out", "GET /etc/passwd")
	default:
		if holdsSource(a.file, dir) {
			a.add("root-holds-application", flow.Unsafe, at, name, name+" "+dir+" holds the application itself: its source and settings are handed out as files", "GET /app.py")
		}
	}
}

func (a *apache) options(words []string, at int) {
	for _, w := range words {
		switch strings.ToLower(strings.TrimPrefix(w, "+")) {
		case "followsymlinks", "all", "symlinksifownermatch":
			a.add("links-followed", flow.Guarded, at, "Options", "Options "+w+" follows links: one beneath the directory leads out of it", "", "links")
			return
		}
	}
}

func (a *apache) sendfile(dir string, at int) {
	switch clean := path.Clean(dir); {
	case clean == "/" || clean == "/etc" || clean == "/home" || clean == "/var" || clean == "/root" || clean == "/usr":
		a.add("sendfile-path-root", flow.Unsafe, at, "XSendFilePath", "XSendFilePath "+dir+" lets the application name any file of the system, and so whoever finds a fault in it", "GET /download?file=/etc/passwd")
	default:
		a.add("links-followed", flow.Guarded, at, "XSendFilePath", "XSendFilePath is compared as text: a link beneath "+dir+" leads out of it", "", "links")
	}
}

// granted: everybody may have everything that no other section forbids.
func (a *apache) granted(at int) {
	if len(a.within) == 0 {
		return
	}
	last := strings.ReplaceAll(a.within[len(a.within)-1], `"`, "")
	if last == "directory /" || last == "directory /*" {
		a.add("root-holds-application", flow.Unsafe, at, "Directory /", "<Directory /> is granted to all: whatever an alias, a rewrite or a link leads to is handed out", "GET /")
	}
}

// finish looks whether a script lies beneath what is served.
func (a *apache) finish() {
	holds := map[string]string{}
	for _, s := range a.scripts {
		above(s.path, func(dir string) { holds[dir] = s.path })
	}
	for _, r := range a.roots {
		if script := holds[strings.TrimSuffix(r.path, "/")]; script != "" {
			a.add("root-holds-application", flow.Unsafe, r.line, "DocumentRoot", r.path+" holds the application "+script+" itself: its source and settings are handed out as files", "GET /"+path.Base(script))
		}
	}
}
