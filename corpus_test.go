package rootbound

import (
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
	"github.com/rootbound/rootbound/internal/undefended"
)

// unleakable are the classes in which no twin leaks on the systems the tests run on; each needs another one to be
// dangerous. Of every other class at least one case must leak from a twin, in this run.
var unleakable = map[string]string{
	"unc": "Windows", "drive": "Windows", "device": "Windows", "tilde": "a shell", "traversal-multi-dot": "Windows 9x",
}

// TestCorpus opens every name of the attack corpus, the way a library's caller, a path and a query would write it. None
// is answered with a canary. The undefended twins are asked the same.
func TestCorpus(t *testing.T) {
	l := plant.New(t)
	cases := attack.Corpus(l)
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, cfg := range []Config{{}, {Symlinks: SymlinksWithin}, {Symlinks: SymlinksWithin, Names: Portable}, {Names: Strict}} {
			cfg.noOpenat2 = noOpenat2
			d := openBaseDir(t, l.Base, cfg)
			for _, c := range cases {
				for form, body := range corpusAnswers(d, c) {
					if which, leaked := l.Leaks(body); leaked {
						t.Errorf("%s, %s: %q leaks %s", c.Name, form, c.Target, which)
					}
				}
			}
		}
	})
	leaking := map[string]bool{}
	for _, c := range cases {
		if leaking[c.Class] {
			continue
		}
		leaking[c.Class] = slices.ContainsFunc(undefended.Twins(), func(twin undefended.Twin) bool {
			for _, target := range []string{c.Target, undefended.DownloadRoute + "?file=" + c.Query} {
				body, err := twin.Answer(l.Base, target)
				if _, leaked := l.Leaks(body); err == nil && leaked {
					return true
				}
			}
			return false
		})
	}
	for class, leaks := range leaking {
		if _, known := unleakable[class]; leaks == known {
			t.Errorf("class %s: leaks from a twin %v, listed as unleakable %v", class, leaks, known)
		}
	}
	t.Logf("note: corpus: %d cases, %d classes", len(cases), len(leaking))
}

// corpusAnswers asks in each form and returns what was answered.
func corpusAnswers(d *Dir, c attack.Case) map[string][]byte {
	out := map[string][]byte{}
	path, _, _ := strings.Cut(c.Target, "?")
	for form, check := range map[string]func() (Name, error){
		"text":  func() (Name, error) { return d.Name(c.Text) },
		"dir":   func() (Name, error) { return d.DirName(c.Text) },
		"path":  func() (Name, error) { return d.NameFromPath(path) },
		"query": func() (Name, error) { return d.NameFromQuery("file="+c.Query, "file") },
	} {
		n, err := check()
		if err != nil {
			continue
		}
		f, err := d.OpenName(n)
		if err != nil {
			continue
		}
		if !f.IsDir() {
			out[form], _ = io.ReadAll(f) // an error leaks nothing
		}
		_ = f.Close()
	}
	return out
}

// TestCorpusLinks opens every planted link.
func TestCorpusLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // links need a privilege there
	}
	l, links := plant.Links(t, plant.New(t))
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, policy := range []struct {
			cfg     Config
			refused func(attack.Link) bool
		}{
			{Config{}, func(k attack.Link) bool { return k.Refused }},
			{Config{Symlinks: SymlinksWithin}, func(k attack.Link) bool { return k.RefusedWithin }},
			{Config{Hardlinks: HardlinksRefuse}, func(k attack.Link) bool { return k.RefusedHard || k.Refused }},
		} {
			policy.cfg.noOpenat2 = noOpenat2
			d := openBaseDir(t, l.Base, policy.cfg)
			for _, k := range links {
				n, err := d.NameFromPath("/" + k.Name)
				var body []byte
				if err == nil {
					var f *File
					if f, err = d.OpenName(n); err == nil {
						if !f.IsDir() {
							body, err = io.ReadAll(f)
						}
						_ = f.Close()
					}
				}
				if (err != nil) != policy.refused(k) && k.Class != "link-index" {
					t.Errorf("%+v: %s: %v, want refused %v", policy.cfg, k.ID, err, policy.refused(k))
				}
				if which, leaked := l.Leaks(body); leaked && k.Class != "hard-link" {
					t.Errorf("%s leaks %s", k.ID, which)
				}
			}
		}
	})
}
