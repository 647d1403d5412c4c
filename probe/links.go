package probe

import (
	"path/filepath"
	"strings"
)

// link is a name within the base that the file system makes dangerous. Name holds the name of the first canary, and there is
// the same with the second.
type link struct {
	class, name string
	encoding    string // to accept
}

// planLinks plans links within the base's new directory: each leads to the first canary, and a twin to the second.
func (g *garden) planLinks() {
	n := g.names
	up := filepath.Dir(g.base)
	add := func(class, name, target string) {
		for _, canary := range []string{n.a, n.b} {
			g.link(strings.ReplaceAll(name, n.a, canary), strings.ReplaceAll(target, n.a, canary))
		}
		g.ask(class, name, "")
	}
	add("link-file", "rel-"+n.a, "../../"+n.a)
	add("link-file", "abs-"+n.a, filepath.ToSlash(filepath.Join(up, n.a)))
	add("link-file", "sib-"+n.a, "../../"+n.sibling+"/"+n.a)
	// Where names may hold no slash, a link must lie in the base directory itself.
	for _, canary := range append([]string{n.a, n.b}, n.absent...) {
		g.plan(item{filepath.Join(g.base, n.dir+"-"+canary), kindLink, filepath.FromSlash("../" + canary)})
	}
	g.links = append(g.links, link{"link-file", n.dir + "-" + n.a, ""})
	add("link-hidden", "hid-"+n.a, "../"+n.hiddenA)
	add("link-chain", "one-"+n.a, "two-"+n.a)
	add("link-chain", "two-"+n.a, "../"+n.dir+"/rel-"+n.a)

	g.link("dir", "../../"+n.sibling)
	g.link("up", "../..")
	g.link("root", "/")
	g.ask("link-dir", "dir/"+n.a, "")
	g.ask("link-dir", "up/"+n.a, "")
	g.ask("link-dir", "up/"+n.sibling+"/"+n.a, "")
	g.ask("link-dir", "root"+filepath.ToSlash(filepath.Join(up, n.a)), "")
	g.ask("link-dir", "dir", "")
	g.ask("link-dir", "dir/", "")
	g.ask("link-dir", "up/"+n.sibling+"/", "")

	for _, enc := range []struct{ ext, name string }{{".gz", "gzip"}, {".br", "br"}, {".zst", "zstd"}} {
		for _, canary := range []string{n.a, n.b} {
			page := "page-" + enc.name + "-" + canary
			g.plan(item{g.inDir(page), kindFile, string(g.body)})
			g.link(page+enc.ext, "../../"+canary)
		}
		g.ask("link-sidecar", "page-"+enc.name+"-"+n.a, enc.name)
	}
	g.plan(item{g.inDir("index"), kindDir, ""})
	g.link("index/index.html", "../../../"+n.sibling+"/index.html")
	g.ask("link-index", "index/", "")
	g.link("self", "self")
	for _, absent := range n.absent {
		g.link("rel-"+absent, "../../"+absent)
		g.link("abs-"+absent, filepath.ToSlash(filepath.Join(up, absent)))
	}
}

func (g *garden) inDir(name string) string {
	return filepath.Join(g.base, g.names.dir, filepath.FromSlash(name))
}

func (g *garden) link(name, target string) {
	g.plan(item{g.inDir(name), kindLink, filepath.FromSlash(target)})
}

func (g *garden) ask(class, name, encoding string) {
	g.links = append(g.links, link{class, g.names.dir + "/" + name, encoding})
}

// race plans the names that are swapped beneath the directory: each is a file or a directory now, and a link then.
func (g *garden) race(dir string) {
	outside, err := filepath.Rel(dir, filepath.Join(filepath.Dir(g.base), g.names.a))
	if err != nil {
		outside = filepath.Join(filepath.Dir(g.base), g.names.a)
	}
	for _, suffix := range racers {
		path := filepath.Join(dir, g.names.raced+suffix)
		target := outside
		if strings.Contains(suffix, "b") {
			target = strings.ReplaceAll(outside, g.names.a, g.names.b)
		}
		g.plan(item{path, kindFile, racedBody})
		g.plan(item{path, kindLink, target})
	}
}

// racers are the names of a race: what is asked for, and what is prepared beside it. Those with b lead to the second canary.
var racers = []string{"-a.txt", "-b.txt", "-a.new", "-b.new"}

// racedBody is what the ordinary file of a race holds.
const racedBody = "an ordinary file of a race\n"
