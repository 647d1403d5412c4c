package attack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Link is a name inside the base that the file system, not its text, makes dangerous.
type Link struct {
	// Class is one of Classes; ID is unique among the links.
	Class, ID string
	// Name is what to ask for: slash separated, beneath the base. Some end in a slash.
	Name string
	// Refused, RefusedWithin and RefusedHard say that no answer may be given for the name: with the zero policy,
	// where links that stay within the base are allowed, and where files with a second name are refused. Where
	// one is false the answer may be the file, but never holds a canary; but for hard links, which cannot be
	// told from the file without that policy.
	Refused, RefusedWithin, RefusedHard bool
	// Encoding is the Accept-Encoding to send, or empty.
	Encoding string
	// Served is what the answer holds where the name is not refused, or empty where that is not fixed.
	Served string
}

// PlantLinks adds links, hard links and special files to a planted tree, all beneath the new directory "links"
// of the base, and returns them with the layout, which has gained canaries. Everything the returned names could
// leak is a canary of that layout.
//
// The operating system must allow links: on Windows that needs a privilege.
func PlantLinks(l Layout) (Layout, []Link, error) {
	p := &linkPlanter{layout: l, dir: filepath.Join(l.Base, "links"), up: filepath.Dir(l.Base)}
	p.layout.Canaries = append([]Canary(nil), l.Canaries...)
	p.plain(p.dir, "x", "") // makes the directory
	p.outsideDir()
	p.files()
	p.dirs()
	p.chains()
	p.sidecars()
	p.inside()
	if p.err == nil {
		links, err := plantSpecial(p.dir)
		p.links, p.err = append(p.links, links...), err
	}
	return p.layout, p.links, p.err
}

type linkPlanter struct {
	layout Layout
	dir    string // base/links
	up     string // the directory that holds the base
	links  []Link
	err    error
}

func (p *linkPlanter) keep(err error) { p.err = errors.Join(p.err, err) }

func (p *linkPlanter) plain(dir, name, body string) { p.keep(write(dir, name, body)) }

func (p *linkPlanter) symlink(target, name string) {
	full := filepath.Join(p.dir, filepath.FromSlash(name))
	p.keep(os.MkdirAll(filepath.Dir(full), 0o755))
	p.keep(os.Symlink(filepath.FromSlash(target), full))
}

// escape records a name that every policy refuses.
func (p *linkPlanter) escape(class, id, name string) {
	p.links = append(p.links, Link{Class: class, ID: class + "." + id, Name: "links/" + name, Refused: true, RefusedWithin: true, RefusedHard: true})
}

// outsideDir makes the directory that directory links lead to; the name of a file in it is a token as well, so
// that a listing leaks.
func (p *linkPlanter) outsideDir() {
	for _, n := range []string{"outside/" + canaryName, "outside/deep/" + canaryName, "outside/index.html"} {
		c := Canary{Name: "../" + n, Token: newToken()}
		p.plain(p.up, n, c.Token+"\n")
		p.layout.Canaries = append(p.layout.Canaries, c)
	}
	t := newToken()
	p.plain(p.up, "listed/"+t, "")
	p.layout.Canaries = append(p.layout.Canaries, Canary{Name: "../listed/" + t, Token: t})
}

// Names beneath base/links climb twice to leave the base.
func (p *linkPlanter) files() {
	abs := filepath.ToSlash(filepath.Join(p.up, canaryName))
	p.symlink("../../"+canaryName, "rel.txt")
	p.symlink(abs, "abs.txt")
	p.symlink("../../base_secret/"+canaryName, "sibling.txt")
	p.symlink("../sub/../../"+canaryName, "dots.txt")
	p.symlink("../.env", "hidden.txt")
	p.symlink("../.git", "hiddendir")
	p.symlink("../../nowhere/"+absentName, "dangling.txt")
	p.symlink("/nonexistent-"+newToken(), "dangling-abs.txt")
	for _, n := range []string{"rel.txt", "abs.txt", "sibling.txt", "dots.txt", "rel.txt/", "rel.txt/."} {
		p.escape("link-file", strings.ReplaceAll(n, "/", "_"), n)
	}
	p.escape("link-hidden", "file", "hidden.txt")
	p.escape("link-hidden", "dir", "hiddendir/config")
	p.escape("link-dangling", "rel", "dangling.txt")
	p.escape("link-dangling", "abs", "dangling-abs.txt")

	p.plain(p.up, "hard.txt", p.newCanary("../hard.txt"))
	p.keep(os.Link(filepath.Join(p.up, "hard.txt"), filepath.Join(p.dir, "hard.txt")))
	p.links = append(p.links, Link{Class: "hard-link", ID: "hard-link", Name: "links/hard.txt", RefusedHard: true})
}

func (p *linkPlanter) newCanary(name string) string {
	c := Canary{Name: name, Token: newToken()}
	p.layout.Canaries = append(p.layout.Canaries, c)
	return c.Token
}

func (p *linkPlanter) dirs() {
	p.symlink("../../outside", "dir")
	p.symlink(filepath.ToSlash(filepath.Join(p.up, "outside")), "absdir")
	p.symlink("../..", "updir")
	p.symlink("../../listed", "listdir")
	p.symlink("/", "rootdir")
	p.symlink(filepath.ToSlash(p.up), "realdir/up")
	names := []string{
		"dir/" + canaryName, "absdir/" + canaryName, "dir/deep/" + canaryName, "updir/" + canaryName, "realdir/up/" + canaryName,
		"updir/base_secret/" + canaryName, "dir", "dir/", "absdir/", "listdir", "listdir/", "dir/index.html",
		"rootdir" + filepath.ToSlash(filepath.Join(p.up, canaryName)),
	}
	for i, n := range names {
		p.escape("link-dir", fmt.Sprint(i), n)
	}
}

func (p *linkPlanter) chains() {
	p.symlink("chain2.txt", "chain1.txt")
	p.symlink("../links/chain3.txt", "chain2.txt")
	p.symlink("rel.txt", "chain3.txt")
	p.symlink("chaindir/up", "chain-through")
	p.symlink("../../..", "chaindir/up")
	p.symlink(".", "here")
	p.escape("link-chain", "three", "chain1.txt")
	p.escape("link-chain", "through", "chain-through/"+canaryName)
	p.escape("link-chain", "here", "here/here/rel.txt")

	p.symlink("self", "self")
	p.symlink("pong", "ping")
	p.symlink("ping", "pong")
	// Linux follows 40 links, path_resolution(7); one more is ELOOP.
	const steps = 41
	for i := range steps {
		p.symlink(fmt.Sprintf("%d", i+1), fmt.Sprintf("many/%d", i))
	}
	p.symlink("../../../"+canaryName, fmt.Sprintf("many/%d", steps))
	for _, n := range []string{"self", "ping", "self/x", "many/0"} {
		p.escape("link-loop", strings.ReplaceAll(n, "/", "_"), n)
	}
}

// sidecars plants precompressed siblings and index pages that lead outside. The original is served; the link
// beside it never.
func (p *linkPlanter) sidecars() {
	body := p.layout.Body
	p.plain(p.dir, "page.txt", body)
	for _, enc := range []struct{ ext, name string }{{".gz", "gzip"}, {".br", "br"}, {".zst", "zstd"}} {
		p.symlink("../../"+canaryName, "page.txt"+enc.ext)
		p.links = append(p.links, Link{
			Class: "link-sidecar", ID: "link-sidecar." + enc.name, Name: "links/page.txt", Encoding: enc.name, Served: body,
		})
		p.escape("link-sidecar", "direct."+enc.name, "page.txt"+enc.ext)
	}
	p.symlink("../../../outside/index.html", "withindex/index.html")
	p.escape("link-index", "slash", "withindex/")
	p.escape("link-index", "direct", "withindex/index.html")
}

// inside plants links that stay within the base, relative and absolute.
func (p *linkPlanter) inside() {
	base := filepath.ToSlash(p.layout.Base)
	p.symlink("../"+p.layout.File, "in.txt")
	p.symlink(base+"/"+p.layout.File, "in-abs.txt")
	p.symlink("../"+p.layout.Dir, "in-dir")
	p.symlink(base+"/"+p.layout.Dir, "in-absdir")
	for _, n := range []string{"in.txt", "in-abs.txt", "in-dir/inner.txt", "in-absdir/inner.txt"} {
		p.links = append(p.links, Link{
			Class: "link-inside", ID: "link-inside." + strings.ReplaceAll(n, "/", "_"), Name: "links/" + n,
			Refused: true, Served: p.layout.Body,
		})
	}
}
