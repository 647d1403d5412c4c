package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootbound/rootbound/internal/attack"
)

// garden is what is planted: the places, and the secrets that files there hold.
type garden struct {
	names   names
	base    string
	secret  *secret // of everything outside
	hidden  *secret // of the hidden files within the base
	upload  *secret
	levels  []int // above the base, that hold canaries
	sibling bool
	planted bool // also within the base
	notes   []string

	journal *journal
	made    []item
	layout  attack.Layout
	links   []link
	body    []byte // of the ordinary file
}

// newGarden decides on everything that will be planted, and plants nothing.
func newGarden(c *Config) *garden {
	g := &garden{base: c.Base, secret: newSecret(), hidden: newSecret(), upload: newSecret()}
	g.names = newNames(filepath.Base(c.Base), g.secret.text)
	if c.Base == "" {
		return g
	}
	g.journal = &journal{Base: c.Base}
	dir := c.Base
	for n := 1; n <= c.Depth && dir != filepath.Dir(dir); n++ {
		dir = filepath.Dir(dir)
		g.file(filepath.Join(dir, g.names.a), g.secret, fmt.Sprint(n, "a"))
		g.file(filepath.Join(dir, g.names.b), g.secret, fmt.Sprint(n, "b"))
	}
	if g.base != filepath.Dir(g.base) {
		sibling := filepath.Join(filepath.Dir(g.base), g.names.sibling)
		g.plan(item{sibling, kindDir, ""})
		g.file(filepath.Join(sibling, g.names.a), g.secret, "sa")
		g.file(filepath.Join(sibling, g.names.b), g.secret, "sb")
		g.file(filepath.Join(sibling, "index.html"), g.secret, "si")
		g.file(filepath.Join(sibling, g.names.listed), g.secret, "sl")
	}
	if c.Plant {
		g.within()
	}
	if c.Race != "" {
		g.race(c.Race)
	}
	if c.Mode == Upload {
		g.journal.Uploads, g.journal.Marker, g.journal.Size = g.names.uploads, g.upload.text, int64(len(g.uploaded()))
	}
	return g
}

func (g *garden) plan(it item) { g.journal.Planted = append(g.journal.Planted, it) }

func (g *garden) file(path string, s *secret, id string) {
	g.plan(item{path, kindFile, s.text + "-" + id + "\n"})
}

// denied is a hidden name that servers refuse which do not refuse all of them.
const denied = ".env"

// within plans what --plant plants beneath the base.
func (g *garden) within() {
	g.body = []byte(strings.Repeat("an ordinary file, planted by a probe\n", 100))
	g.plan(item{filepath.Join(g.base, g.names.plain), kindFile, string(g.body)})
	g.file(filepath.Join(g.base, g.names.hiddenA), g.hidden, "a")
	g.file(filepath.Join(g.base, g.names.hiddenB), g.hidden, "b")
	for _, dir := range []string{g.names.dir, g.names.twin} {
		g.plan(item{filepath.Join(g.base, dir), kindDir, ""})
		g.file(filepath.Join(g.base, dir, denied), g.hidden, "e")
	}
	g.planLinks()
}

// plant makes everything, in order, and keeps what could not be made as a note. The caller calls clean, whatever comes back.
func (g *garden) plant(journals string) error {
	if g.base == "" {
		return nil
	}
	if err := g.journal.begin(journals, g.names.run); err != nil {
		return err
	}
	failed := map[string]error{}
	for _, it := range g.journal.Planted {
		if strings.HasPrefix(filepath.Base(it.Path), g.names.raced) {
			continue // the race makes and removes them
		}
		if err := it.make(); err != nil {
			failed[it.Path] = err
			continue
		}
		g.made = append(g.made, it)
	}
	if g.planned(g.names.plain) && !g.has(g.names.plain) {
		return &ConfigError{"--plant", "nothing can be planted in " + quote(g.base) + " (" + bare(failed[filepath.Join(g.base, g.names.plain)]) + ")", "Run as a user who may write there, or leave --plant out"}
	}
	g.planted = g.has(g.names.plain)
	g.levelsMade(failed)
	g.layoutMade()
	return nil
}

func bare(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return fmt.Sprint(err)
}

func (g *garden) planned(name string) bool {
	return contains(g.journal.Planted, filepath.Join(g.base, name))
}

func (g *garden) has(name string) bool {
	return contains(g.made, filepath.Join(g.base, filepath.FromSlash(name)))
}

func contains(items []item, path string) bool {
	for _, it := range items {
		if it.Path == path {
			return true
		}
	}
	return false
}

// levelsMade finds out which levels above the base hold both canaries.
func (g *garden) levelsMade(failed map[string]error) {
	dir, up := g.base, ""
	for n := 1; dir != filepath.Dir(dir); n++ {
		dir, up = filepath.Dir(dir), up+"../"
		if g.has(up+g.names.a) && g.has(up+g.names.b) {
			g.levels = append(g.levels, n)
		} else if err := failed[filepath.Join(dir, g.names.a)]; err != nil {
			g.notes = append(g.notes, fmt.Sprintf("no canary could be planted in %s (%s)", dir, bare(err)))
		}
	}
	g.sibling = g.has("../" + g.names.sibling + "/" + g.names.b)
}

// layoutMade is what the corpus is written for.
func (g *garden) layoutMade() {
	l := attack.Layout{Base: g.base}
	for _, n := range g.levels {
		l.Canaries = append(l.Canaries, attack.Canary{Name: strings.Repeat("../", n) + g.names.a})
	}
	if g.sibling {
		l.Canaries = append(l.Canaries, attack.Canary{Name: "../" + g.names.sibling + "/" + g.names.a})
	}
	if g.planted {
		l.Dir = g.names.dir
	}
	g.layout = l
}

// make makes the item; it replaces nothing.
func (it item) make() error {
	dir, name := filepath.Split(it.Path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	switch it.Kind {
	case kindDir:
		if err := root.Mkdir(name, 0o755); err != nil {
			return err
		}
		return root.Chmod(name, 0o755) // whatever the umask: the server may be another user
	case kindLink:
		return root.Symlink(it.Text, name)
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	text := it.Text
	if len(text) < 100 { // a canary, of which the journal keeps one line
		text = strings.Repeat(text, 64)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Chmod(0o644), f.Close())
}

// uploaded is what every upload holds.
func (g *garden) uploaded() []byte { return g.upload.lines("u") }

// clean takes everything away again.
func (g *garden) clean() error {
	if g.journal == nil || g.journal.held == nil {
		return nil
	}
	_, err := g.journal.clean()
	return err
}
