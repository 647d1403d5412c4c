package server

import (
	"bytes"
	"fmt"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
	"github.com/rootbound/rootbound/internal/undefended"
)

// allowedStatuses are what an attack may be answered with.
var allowedStatuses = map[int]bool{
	200: true, 204: true, 206: true, 304: true, 308: true, 400: true, 403: true, 404: true, 405: true, 414: true, 416: true, 421: true, 431: true,
}

// The corpus against the running server: over HTTP/1.1, in the path and in the query; without links on loopback, and
// with them as if anybody could connect (where a target may name any host). Nothing leaks, nothing tells.
func TestCorpus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		links rootbound.Symlinks
		open  bool
	}{{rootbound.SymlinksRefuse, false}, {rootbound.SymlinksWithin, true}} {
		links, open := tt.links, tt.open
		t.Run(fmt.Sprintf("links %v, open %v", links, open), func(t *testing.T) {
			l, planted := plant.Links(t, plant.New(t))
			s := serveLayout(t, l, func(u *setup) {
				if open {
					public(u)
					u.cfg.Listing = false
				}
				u.dir.Symlinks = links
			})
			c := &attack.Client{Addr: s.addr}
			defer c.Close()
			do := func(target string, headers ...string) *attack.Answer { return mustDo(t, c, target, headers...) }
			n := attackCorpus(t, l, do)
			for _, link := range planted {
				if !open && link.ID == "link-index.slash" { // a listing takes the place of an index that is refused
					link.Refused, link.RefusedWithin = false, false
				}
				attackLink(t, l, link, links, do)
			}
			t.Logf("note: corpus against the server: %d requests, %d links", n, len(planted))
		})
	}
}

// serveLayout serves a planted tree with everything on that could be attacked.
func serveLayout(t *testing.T, l attack.Layout, change func(*setup)) *served {
	t.Helper()
	return serve(t, nil, func(u *setup) {
		u.base = l.Base
		u.cfg.Listing, u.cfg.Precompressed, u.cfg.Site = true, true, true
		u.cfg.DownloadRoute = undefended.DownloadRoute
		change(u)
	})
}

func mustDo(t *testing.T, c *attack.Client, target string, headers ...string) *attack.Answer {
	t.Helper()
	a, err := c.Do("GET", target, headers...)
	if err != nil {
		t.Fatalf("GET %.100q: %v", target, err)
	}
	return a
}

// attackCorpus sends every case, and the one that differs only in whether the file outside exists.
func attackCorpus(t *testing.T, l attack.Layout, do func(target string, headers ...string) *attack.Answer) (n int) {
	t.Helper()
	for _, c := range attack.Corpus(l) {
		absent, twin := l.Absent(c)
		for i, target := range []string{c.Target, undefended.DownloadRoute + "?file=" + c.Query} {
			if !attack.OnLine(target) {
				continue
			}
			a := do(target)
			n++
			harmless(t, l, c.Name, a)
			if !twin {
				continue
			}
			b := do([]string{absent.Target, undefended.DownloadRoute + "?file=" + absent.Query}[i])
			n++
			if there, gone := stripped(a), stripped(b); !cmp.Equal(there, gone) {
				t.Errorf("%s: the answer tells that the file exists:\n%s", c.Name, cmp.Diff(gone, there))
			}
		}
	}
	return n
}

func harmless(t *testing.T, l attack.Layout, name string, a *attack.Answer) {
	t.Helper()
	if which, leaked := l.Leaks(append(a.Head(), a.Body...)); leaked {
		t.Errorf("%s: leaks %s", name, which)
	}
	if l.Discloses(a.Body) || l.Discloses(a.Head()) {
		t.Errorf("%s: discloses an absolute path: %s %s", name, a.Head(), a.Body)
	}
	if !allowedStatuses[a.Status] {
		t.Errorf("%s: status %d", name, a.Status)
	}
}

func attackLink(t *testing.T, l attack.Layout, link attack.Link, policy rootbound.Symlinks, do func(target string, headers ...string) *attack.Answer) {
	t.Helper()
	refused := link.Refused
	if policy == rootbound.SymlinksWithin {
		refused = link.RefusedWithin
	}
	var headers []string
	if link.Encoding != "" {
		headers = []string{"Accept-Encoding: " + link.Encoding}
	}
	for _, target := range []string{(&url.URL{Path: "/" + link.Name}).EscapedPath(), undefended.DownloadRoute + "?file=" + url.QueryEscape(link.Name)} {
		a := do(target, headers...)
		if link.Class == "hard-link" { // cannot be told from the file without a policy against it
			continue
		}
		harmless(t, l, link.ID, a)
		switch {
		case refused && a.Status != 404 && a.Status != 403:
			t.Errorf("%s: %s = %d", link.ID, target, a.Status)
		case !refused && link.Served != "" && !bytes.Equal(a.Body, []byte(link.Served)):
			t.Errorf("%s: %s = %d %q, want %q", link.ID, target, a.Status, a.Body, link.Served)
		}
	}
}

// toothless are the classes that leak from no twin on this system; the command internal/attack/report has the reasons.
var toothless = map[string]bool{
	"traversal-multi-dot": true, "unc": true, "drive": true, "device": true, "tilde": true, "link-loop": true,
	"link-dangling": true, "link-inside": true, "special": true,
}

// The control of TestCorpus: the same cases, sent in the same two ways, leak from servers that make one mistake each.
func TestCorpusLeaksElsewhere(t *testing.T) {
	l, planted := plant.Links(t, plant.New(t))
	leaks := map[string]bool{}
	present := map[string]bool{}
	twins := undefended.Twins()
	try := func(class string, targets ...string) {
		present[class] = true
		for _, twin := range twins {
			for _, target := range targets {
				if leaks[class] || !attack.OnLine(target) {
					continue
				}
				body, _ := twin.Answer(l.Base, target)
				_, leaks[class] = l.Leaks(body)
			}
		}
	}
	for _, c := range attack.Corpus(l) {
		try(c.Class, c.Target, undefended.DownloadRoute+"?file="+c.Query)
	}
	for _, link := range planted {
		if link.Class == "special" { // a twin would block in its open
			continue
		}
		try(link.Class, (&url.URL{Path: "/" + link.Name}).EscapedPath())
	}
	for class := range present {
		if !leaks[class] && !toothless[class] {
			t.Errorf("%s leaks from no twin", class)
		}
	}
}
