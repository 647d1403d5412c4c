package probe

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/finding"
)

// again is a command with what must be there before it, and what takes that away.
type again struct{ before, after []string }

// add has before run once, however often it is needed, and after in the reverse order.
func (s *again) add(before, after string) {
	if !slices.Contains(s.before, before) {
		s.before, s.after = append(s.before, before), append(s.after, after)
	}
}

func (s *again) around(command string) string {
	slices.Reverse(s.after)
	return strings.Join(slices.Concat(s.before, []string{command}, s.after), "; ")
}

// repeat is a command for a shell that shows the finding again. What was planted is gone, so the command plants it again, and
// removes it.
func (r *run) repeat(key hitKey, e evidence) string {
	if key.rule == finding.CheckThenOpen {
		return r.repeatRace(e)
	}
	var s again
	r.garden.replant(&s, e, e.sent(r))
	send := func(req *request, options ...string) string {
		return curl(r.target, req, r.hide, e.answer.proto, options...)
	}
	options := whole
	if e.answer.get("Content-Encoding") != "" && len(unpack(e.answer.body)) > 0 {
		options = append(slices.Clone(whole), "--compressed")
	}
	first := e.sent(r)
	if r.config.Mode == Upload {
		first = r.shortened(first)
	}
	command := send(first, options...)
	switch key.rule {
	case finding.ExistenceTiming:
		absent, _ := r.request(e.beside[0])
		timed := func(what string, req *request) string {
			return send(req, "-o", "/dev/null", "-w", `'`+what+` %{time_total}\n'`)
		}
		command = "for n in 1 2 3 4 5 6 7 8 9 10; do " + timed("exists", e.sent(r)) + "; " + timed("missing", absent) + "; done"
	case finding.GuessUnlimited:
		command = fmt.Sprintf("for n in $(seq %d); do %s; done", guessed, send(e.sent(r), "-o", "/dev/null", "-w", `'%{http_code} %{time_total}\n'`))
	default:
		for _, t := range e.beside {
			req, _ := r.request(t)
			command += "; echo; " + send(req, whole...)
		}
		if e.then != nil {
			command += "; " + send(e.then, options...)
		}
	}
	for _, t := range e.beside {
		r.garden.relink(&s, t)
	}
	if e.stored != "" {
		command += "; echo; ls -l " + shell(e.stored) + "; rm " + shell(e.stored)
	}
	return s.around(command)
}

// shortened is an upload with less in it.
func (r *run) shortened(req *request) *request {
	short := *req
	short.body = bytes.Replace(req.body, r.writer.body, []byte("canary"), 1)
	return &short
}

// repeatRace swaps with the tools of a shell. It ends by itself.
func (r *run) repeatRace(e evidence) string {
	base := filepath.Base(e.attempt.Text)
	name, spare := shell(filepath.Join(r.config.Race, base)), shell(filepath.Join(r.config.Race, base+".new"))
	canary := shell(filepath.Join(filepath.Dir(r.garden.base), e.attempt.file))
	swap := fmt.Sprintf("echo ordinary > %[1]s; mv -f %[1]s %[2]s; ln -s %[3]s %[1]s; mv -f %[1]s %[2]s", spare, name, canary)
	ask := curl(r.target, e.sent(r), r.hide, e.answer.proto, "--output", "-")
	return fmt.Sprintf("echo canary > %[1]s; (for n in $(seq 20000); do [ -e %[1]s ] || break; %[2]s; done) & "+
		"for n in $(seq 5000); do %[3]s | grep -a canary && break; done; rm %[1]s; wait $!; rm -f %[4]s %[5]s", canary, swap, ask, name, spare)
}

// replant makes what the request needs that is gone.
func (g *garden) replant(s *again, e evidence, req *request) {
	if g.base == "" {
		return
	}
	asked := strings.ToLower(req.target + strings.Join(req.headers, "\n") + string(req.body) + e.attempt.Text)
	mentions := func(name string) bool {
		return name != "" && strings.Contains(asked, strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "."), ".txt")))
	}
	sibling := filepath.Join(filepath.Dir(g.base), g.names.sibling)
	if mentions(g.names.sibling) {
		s.add("mkdir "+shell(sibling), "rmdir "+shell(sibling))
	}
	if g.planted && mentions(g.names.plain) {
		path := shell(filepath.Join(g.base, g.names.plain))
		s.add("echo ordinary > "+path, "rm "+path)
	}
	if g.planted && mentions(g.names.dir) {
		g.relink(s, e.attempt)
	}
	if e.attempt.secret == nil || e.attempt.file == "" {
		return
	}
	var paths []string
	for _, path := range g.canaries(e) {
		if filepath.Dir(path) == sibling {
			s.add("mkdir "+shell(sibling), "rmdir "+shell(sibling))
		}
		paths = append(paths, shell(path))
	}
	all := strings.Join(paths, " ")
	if len(paths) == 1 {
		s.add("echo canary > "+all, "rm "+all)
	} else {
		s.add("echo canary | tee "+all+" > /dev/null", "rm "+all)
	}
}

// canaries are the paths that a name may have led to: the one whose content the answer holds, or where it does not tell, all.
func (g *garden) canaries(e evidence) (paths []string) {
	t := e.attempt
	switch {
	case t.secret == g.hidden && t.file == g.names.dir:
		return []string{g.inDir(denied)}
	case t.secret == g.hidden:
		return []string{filepath.Join(g.base, g.names.hiddenA)}
	}
	if path := g.read(e.answer, t.file); path != "" {
		return []string{path}
	}
	for _, it := range g.made {
		if name := filepath.Base(it.Path); it.Kind == kindFile && (name == t.file || name == g.names.listed || t.Class == "link-index" && name == "index.html") {
			paths = append(paths, it.Path)
		}
	}
	return paths
}

// read is the path of the canary that an answer holds, "" where it is encoded, or tells something else.
func (g *garden) read(a *answer, name string) string {
	up := filepath.Dir(g.base)
	body := string(a.body)
	for _, u := range unpack(a.body) {
		body += string(u.data)
	}
	id := canaryID.FindStringSubmatch(body)
	switch {
	case id == nil:
		return ""
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

// relink makes the links that a name goes through, and their directory.
func (g *garden) relink(s *again, t attempt) {
	dir := filepath.Join(g.base, g.names.dir)
	if top, ok := strings.CutPrefix(t.Text, g.names.dir+"-"); ok {
		path := shell(filepath.Join(g.base, t.Text))
		s.add("ln -s ../"+top+" "+path, "rm "+path)
		return
	}
	if !g.planted || !strings.Contains(strings.ToLower(t.Text+t.Target+t.Query), g.names.dir) {
		return
	}
	s.add("mkdir "+shell(dir), "rmdir "+shell(dir))
	if !strings.HasPrefix(t.Class, "link-") {
		return
	}
	rest := strings.TrimPrefix(t.Text, g.names.dir+"/")
	if t.Class == "link-index" || t.Class == "link-sidecar" {
		rest = ""
	}
	for _, it := range g.made {
		name, ok := strings.CutPrefix(filepath.ToSlash(it.Path), filepath.ToSlash(dir)+"/")
		chained := t.Class == "link-chain" && slices.Contains([]string{"one-" + t.file, "two-" + t.file, "rel-" + t.file}, name)
		if it.Kind == kindLink && ok && (chained || rest == name || strings.HasPrefix(rest, name+"/") ||
			rest == "" && (strings.HasPrefix(name, "index/") || strings.HasPrefix(name, strings.TrimPrefix(t.Text, g.names.dir+"/")))) {
			s.add("ln -s "+shell(it.Text)+" "+shell(it.Path), "rm "+shell(it.Path))
		}
		if it.Kind == kindDir && ok && strings.HasPrefix(t.Text, g.names.dir+"/"+name) {
			s.add("mkdir "+shell(it.Path), "rmdir "+shell(it.Path))
		}
	}
	if t.Class == "link-sidecar" {
		page := shell(filepath.Join(g.base, filepath.FromSlash(t.Text)))
		s.add("echo page > "+page, "rm "+page)
	}
}
