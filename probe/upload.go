package probe

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/finding"
)

// uploads sends the corpus as file names, and looks on disk where they ended.
func (r *run) uploads(ctx context.Context) {
	all := r.uploadAttempts()
	r.begin("uploads", len(all))
	r.parallel(ctx, len(all), r.target.http1, func(x exchanger, i int) {
		t := all[i]
		a, err := r.ask(ctx, x, t)
		if err != nil || a == nil {
			return
		}
		r.discloses(ctx, x, t, a)
		if where := r.garden.escaped(t.file); where != "" {
			again := t.absent(r.garden.uploadName())
			key := hitKey{finding.UploadEscape, t.Class, a.proto}
			if !r.wants(key, t.Name) {
				return
			}
			if b, err := r.ask(ctx, x, again); err == nil && b != nil && r.garden.escaped(again.file) != "" {
				r.hit(key, evidence{attempt: t, answer: a, how: "it was stored as " + where, stored: where})
			}
		}
	})
	if r.garden.journal != nil && ctx.Err() == nil && !r.garden.storedAnything() {
		r.note("nothing that was uploaded was stored beneath the base directory: is %q the field's name (--field)?", r.config.Field)
	}
}

// uploadAttempts are the corpus with a name of its own for each case, so that a file on disk tells which case made it.
func (r *run) uploadAttempts() []attempt {
	g := r.garden
	name := g.uploadName()
	l := attack.Layout{Base: g.base}
	for n := 1; n <= 8; n++ {
		l.Canaries = append(l.Canaries, attack.Canary{Name: strings.Repeat("../", n) + name})
	}
	if g.sibling {
		l.Canaries = append(l.Canaries, attack.Canary{Name: "../" + g.names.sibling + "/" + name})
	}
	// What has another name could not be found again.
	out := r.pick(each(withFile(attack.Corpus(l), name), attempt{file: name}))
	honest := attempt{Case: plainCase(name), file: name}
	for i := range out {
		out[i] = out[i].absent(g.uploadName())
	}
	return append([]attempt{honest.absent(g.uploadName())}, out...)
}

func (g *garden) uploadName() string { return g.names.uploads + digits(6) + ".txt" }

// escaped says where above or beside the base a file of that name lies.
func (g *garden) escaped(name string) string {
	if g.base == "" {
		return ""
	}
	dirs := []string{filepath.Join(filepath.Dir(g.base), g.names.sibling)}
	for dir := g.base; dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}
