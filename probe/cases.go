package probe

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/internal/attack"
)

// attempt is one case as it is sent: the case, and the name in it that another file's name can replace.
type attempt struct {
	attack.Case
	file     string  // name of the canary or system file in it
	twin     string  // of another file at the same place
	secret   *secret // what the file holds; nil for a system file
	hidden   bool    // the name is one that is refused within the base
	encoding string
}

// other is the attempt at the other file: the second, different request that confirms.
func (t attempt) other() attempt {
	t.Case = renamed(t.Case, t.file, t.twin)
	t.file, t.twin = t.twin, t.file
	return t
}

// absent is the attempt at a file that does not exist.
func (t attempt) absent(name string) attempt {
	t.Case = renamed(t.Case, t.file, name)
	t.file = name
	return t
}

// Names of system files that any user may read; the second confirms the first.
const (
	unixFile, unixTwin       = "passwd", "group"
	windowsFile, windowsTwin = "win.ini", "system.ini"
)

// windowsOnly are the classes that only Windows, or what imitates it, misreads.
var windowsOnly = []string{"unc", "drive", "device", "stream", "traversal-windows"}

// hiddenClasses are those of the corpus about names that are refused within the base.
var hiddenClasses = []string{"hidden", "case-fold", "normalization", "stream"}

// attempts are all cases of the run's mode, in the corpus's order, for what is planted and for system files.
func (r *run) attempts() []attempt {
	g := r.garden
	out := r.alias()
	file := r.ordinary
	if strings.Contains(file, "/") {
		file = ""
	}
	if len(g.layout.Canaries) > 0 {
		l := g.layout
		l.File = file
		out = append(out, each(attack.Corpus(l), attempt{file: g.names.a, twin: g.names.b, secret: g.secret})...)
	}
	if g.planted && r.hides {
		l := attack.Layout{Base: g.base, File: file, Dir: g.names.dir, Canaries: []attack.Canary{{Name: g.names.hiddenA}}}
		for _, t := range each(attack.Corpus(l), attempt{file: g.names.hiddenA, twin: g.names.hiddenB, secret: g.hidden, hidden: true}) {
			if strings.Contains(t.Text, g.names.hiddenA[1:]) || slices.Contains(hiddenClasses, t.Class) {
				out = append(out, t)
			}
		}
	} else if g.planted && r.denies {
		l := attack.Layout{Base: g.base, File: file, Dir: g.names.dir, Canaries: []attack.Canary{{Name: g.names.dir + "/" + denied}}}
		for _, t := range each(attack.Corpus(l), attempt{file: g.names.dir, twin: g.names.twin, secret: g.hidden, hidden: true}) {
			if strings.Contains(strings.ToLower(t.Text), g.names.dir) {
				out = append(out, t)
			}
		}
	}
	return r.pick(append(out, r.system()...))
}

func each(cases []attack.Case, like attempt) []attempt {
	out := make([]attempt, len(cases))
	for i, c := range cases {
		like.Case = c
		out[i] = like
	}
	return out
}

// system are attempts at well-known files. Where no canary could be planted they are the whole corpus, at any depth; otherwise
// those at the depth of the base are enough, since canaries show the rest.
func (r *run) system() []attempt {
	like, path := attempt{file: unixFile, twin: unixTwin}, "etc/"+unixFile
	if r.platform == "windows" {
		like, path = attempt{file: windowsFile, twin: windowsTwin}, "windows/"+windowsFile
	}
	if len(r.garden.levels) > 0 {
		depth := strings.Count(filepath.ToSlash(r.garden.base), "/")
		if slices.Contains(r.garden.levels, depth) {
			return nil // a canary stands in the topmost directory
		}
		l := attack.Layout{Base: r.garden.base, Canaries: []attack.Canary{{Name: strings.Repeat("../", depth) + path}}}
		return each(withFile(attack.Corpus(l), like.file), like)
	}
	// The class that has only the nearest canary gets one that climbs to the top by itself.
	l := attack.Layout{Canaries: []attack.Canary{{Name: ".././" + strings.Repeat("../", 9) + path}}}
	for n := 2; n <= 8; n++ {
		l.Canaries = append(l.Canaries, attack.Canary{Name: strings.Repeat("../", n) + path})
	}
	absolute := attack.Layout{Base: "/x", Canaries: []attack.Canary{{Name: "../" + path}}}
	cases := withFile(append(attack.Corpus(l), attack.Corpus(absolute)...), like.file)
	// Nothing lies beside a base directory that is not known.
	cases = slices.DeleteFunc(cases, func(c attack.Case) bool { return c.Class == "sibling-prefix" })
	return each(cases, like)
}

func withFile(cases []attack.Case, file string) []attack.Case {
	return slices.DeleteFunc(cases, func(c attack.Case) bool { return !strings.Contains(c.Text, file) })
}

// alias climbs out of the URL's own prefix without its slash: "/static../file".
func (r *run) alias() []attempt {
	prefix, _, ok := strings.Cut(r.writer.path, "/"+Place)
	if r.config.Mode != Path || !ok || prefix == "" {
		return nil
	}
	var out []attempt
	for i, c := range r.garden.layout.Outside()[:min(1, len(r.garden.layout.Outside()))] {
		for j, wire := range []string{"..", "%2e%2e", "../.", "..%2f.", ".%2e"} {
			rest := strings.TrimPrefix(c.Name, "..")
			c := attack.Case{Class: "alias", Name: "alias.prefix." + string(rune('a'+i)) + string(rune('a'+j)), Target: prefix + wire + rest}
			out = append(out, attempt{Case: c, file: r.garden.names.a, twin: r.garden.names.b, secret: r.garden.secret})
		}
	}
	return out
}

// pick leaves out what the mode or the platform makes pointless, what is another spelling of the same request, and what
// --sample and --only leave out.
func (r *run) pick(all []attempt) []attempt {
	perClass, seen := map[string]int{}, map[string]bool{}
	for _, t := range all {
		perClass[t.Class]++
	}
	index := map[string]int{}
	var out []attempt
	for _, t := range all {
		n, total := index[t.Class], perClass[t.Class]
		index[t.Class]++
		switch {
		case len(r.config.Only) > 0 && !slices.Contains(r.config.Only, t.Class):
		case r.platform == "unix" && slices.Contains(windowsOnly, t.Class):
		case r.config.Mode != Path && (t.Class == "target-form" || t.Class == "alias"):
		case r.config.Sample > 0 && n > 1 && total > r.config.Sample && n*r.config.Sample/total == (n-1)*r.config.Sample/total:
			// The first two of each class are its plainest forms, and always sent.
		default:
			key := t.Target + "\x00" + t.Query
			if r.config.Mode != Path {
				key = t.Query
			}
			if r.config.Mode.byText() {
				key = t.Text
			}
			if !seen[key] {
				seen[key] = true
				out = append(out, t)
			}
		}
	}
	return out
}
