package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/link"
)

// decidedTree has files that are told apart by their size; the links are symbolic.
var (
	decidedFiles = []string{
		"a.txt", "a.txt.gz", "d/a.txt", "d/b.txt", "d/b.txt.br", "d/e/a.txt", "d/e/index.html", "d2/a.txt", "index.html", "404.html", "s/index.html", "s/page.html",
	}
	decidedLinks = map[string]string{"d/to": "../a.txt", "d/dir": "../s", "to-d": "d", "s/up": "../d/e/a.txt"}
	decidedDirs  = []string{"", "d", "d/e", "d2", "s"}
)

// decisions are what MAY said yes to, by request.
type decisions struct {
	mu sync.Mutex
	by map[string]map[string]bool
}

func (d *decisions) note(id string, right request.Right, path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.by[id] == nil {
		d.by[id] = map[string]bool{}
	}
	d.by[id][string(right)+" "+path] = true
}

func (d *decisions) has(id string, right request.Right, path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by[id][string(right)+" "+path]
}

// granted is what grants mean, written a second time.
func granted(grants []authz.Grant, user string, right request.Right, path string) (yes, denied bool) {
	for _, g := range grants {
		is := g.Anyone || g.Authenticated && user != "" || g.User != "" && g.User == user
		on := strings.TrimSuffix(g.On, "/")
		beneath := on == "" && path != "" || strings.HasPrefix(path, on+"/")
		here := path == on && (right == request.List || !strings.HasSuffix(g.On, "/"))
		if is && slices.Contains(g.May, string(right)) && (beneath || here) {
			yes, denied = true, denied || g.Deny
		}
	}
	return yes && !denied, denied
}

// asker is one way to ask.
type asker struct {
	user, credential string
	link             *link.Link
	token            string
}

// mayHave is the oracle of the whole.
func (a *asker) mayHave(grants []authz.Grant, right request.Right, path string) bool {
	if a.link == nil {
		yes, _ := granted(grants, a.user, right, path)
		return yes
	}
	_, denied := granted(slices.DeleteFunc(slices.Clone(grants), func(g authz.Grant) bool { return !g.Anyone }), "", right, path)
	of := a.link.Path
	covers := !a.link.Dir && right == request.Read && path == of ||
		a.link.Dir && (of == "" && path != "" || strings.HasPrefix(path, of+"/") || right == request.List && path == of)
	return covers && !denied
}

// For every verb, route, lane, subject and link, whatever the grants: what is sent is what was decided about, and what
// was decided is what the grants say.
func TestDecidedIsOpened(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		seen := &decisions{by: map[string]map[string]bool{}}
		z, err := authz.New(authz.Source{Grants: []authz.Grant{{User: "alice", On: "/", May: readList}}})
		if err != nil {
			t.Fatal(err)
		}
		k, sizes := testKeys(t), map[int64]string{}
		tree := map[string]string{}
		for i, f := range decidedFiles {
			tree[f] = strings.Repeat("x", 1000+i)
			sizes[int64(1000+i)] = f
		}
		users := withUsers(t, false, off)
		s := serve(t, tree, func(u *setup) {
			users(u)
			notOlder(t, u.base, "a.txt.gz", "d/b.txt.br")
			u.cfg.Authz, u.cfg.Links, u.cfg.Site, u.cfg.Precompressed, u.cfg.DownloadRoute, u.dir.Symlinks = z, k, true, true, "/get", rootbound.SymlinksWithin
			for name, target := range decidedLinks {
				if err := os.Symlink(target, filepath.Join(u.base, name)); err != nil {
					t.Fatal(err)
				}
			}
			u.before = func(s *Server) {
				inner := s.stages.may
				s.stages.may = func(f *request.Facts, who request.Subject, right request.Right, mount string, n rootbound.Name) request.Decision {
					d := inner(f, who, right, mount, n)
					if d.Allowed {
						seen.note(f.ID, right, strings.TrimSuffix(strings.TrimPrefix(mount+"/"+strings.TrimPrefix(n.String(), "."), "/"), "/"))
					}
					return d
				}
			}
		})
		check := &decidedCheck{s: s, k: k, sizes: sizes, seen: seen, got: map[string]int{}}
		rapid.Check(t, func(rt *rapid.T) {
			grants := drawGrants(rt)
			if err := z.Replace(authz.Source{Grants: grants}); err != nil {
				rt.Fatal(err)
			}
			for range 40 {
				check.one(t, rt, grants, check.draw(t, rt))
			}
		})
		for _, what := range []string{"file", "listing", "index", "sibling", "by link", "behind a symbolic link", "refused", "not found page"} {
			if check.got[what] == 0 {
				t.Errorf("never seen: %s (of %v)", what, check.got)
			}
		}
		if lane := map[bool]string{false: "fast", true: "net/http"}[off]; s.quick() == !off && s.metric(t, `rootbound_requests_total{lane="`+lane+`",method="GET",status="200"}`) == "0" {
			t.Error("the lane answered nothing")
		}
	})
}

func drawGrants(t *rapid.T) []authz.Grant {
	var out []authz.Grant
	ons := []string{"/", "/", "/", "d/", "d", "d/e/", "d/a.txt", "a.txt", "a.txt.gz", "s/", "s/index.html", "404.html", "d2", "index.html"}
	for i := range rapid.IntRange(1, 5).Draw(t, "grants") {
		g := authz.Grant{
			On:   rapid.SampledFrom(ons).Draw(t, "on"),
			May:  rapid.SampledFrom([][]string{{"read"}, {"list"}, readList, readList}).Draw(t, "may"),
			Deny: i > 0 && rapid.IntRange(0, 3).Draw(t, "deny") == 0,
		}
		switch rapid.IntRange(0, 4).Draw(t, "who") {
		case 0:
			g.Anyone = true
		case 1:
			g.Authenticated = true
		case 2:
			g.User = "bob"
		default:
			g.User = "alice"
		}
		out = append(out, g)
	}
	return out
}

type decidedCheck struct {
	s     *served
	k     *link.Keys
	sizes map[int64]string
	seen  *decisions
	got   map[string]int
}

func (c *decidedCheck) draw(t *testing.T, rt *rapid.T) *asker {
	a := &asker{credential: "X: y"}
	switch rapid.IntRange(0, 2).Draw(rt, "subject") {
	case 0:
		a.user, a.credential = "alice", alice
	case 1:
		a.user, a.credential = "bob", bob
	}
	if rapid.Bool().Draw(rt, "by link") {
		a.link = &link.Link{Path: rapid.SampledFrom(decidedFiles).Draw(rt, "link to")}
		if rapid.Bool().Draw(rt, "link to a directory") {
			a.link = &link.Link{Path: rapid.SampledFrom(decidedDirs).Draw(rt, "link to"), Dir: true}
		}
		a.link.Attachment = rapid.Bool().Draw(rt, "attachment")
		a.token = signedLink(t, c.k, *a.link)
	}
	return a
}

// one sends a request and judges its answer.
func (c *decidedCheck) one(t *testing.T, rt *rapid.T, grants []authz.Grant, a *asker) {
	name := rapid.SampledFrom(slices.Concat(decidedFiles, decidedDirs, slices.Sorted(maps.Keys(decidedLinks)), []string{"missing", "d/dir/page.html", "to-d/b.txt", "a.txt", "a.txt", "d/b.txt"})).Draw(rt, "name")
	target := "/" + name
	switch rapid.IntRange(0, 3).Draw(rt, "route") {
	case 0:
		target = "/get?file=" + name
	case 1:
		if name != "" {
			target += "/"
		}
	}
	if a.token != "" {
		if strings.Contains(target, "?") {
			target += "&" + a.token
		} else {
			target += "?" + a.token
		}
	}
	method := rapid.SampledFrom([]string{"GET", "GET", "GET", "HEAD", "OPTIONS", "DELETE"}).Draw(rt, "method")
	headers := []string{a.credential, "Accept: application/json"}
	if rapid.Bool().Draw(rt, "coded") {
		headers = append(headers, "Accept-Encoding: br, gzip")
	}
	answer := c.s.request(t, method, target, headers...)
	id, where := answer.Header.Get("Request-Id"), fmt.Sprintf("%s %s by %q, %+v, grants %+v", method, target, a.user, a.link, grants)
	isListing := answer.Header.Get("Content-Type") == "application/json" && answer.Status == 200
	size, _ := strconv.ParseInt(answer.Header.Get("Content-Length"), 10, 64)
	file, isFile := c.sizes[size]
	switch {
	case isListing:
		c.listed(rt, grants, a, id, method, answer.Body, where)
	case isFile && (answer.Status == 200 || answer.Status == 404):
		if !c.seen.has(id, request.Read, file) || !a.mayHave(grants, request.Read, file) {
			rt.Fatalf("%s: %s was sent, decided: %v", where, file, c.seen.by[id])
		}
		c.count(file, name, a, answer.Status, answer.Header.Get("Content-Encoding"))
	case answer.Status == 200:
		rt.Fatalf("%s: 200 with %v", where, answer.Header)
	default:
		c.got["refused"]++
	}
	// Nothing that is granted is refused.
	direct := method == "GET" && slices.Contains(decidedFiles, name) && !strings.HasSuffix(strings.TrimSuffix(target, "?"+a.token), "/")
	if direct && answer.Status != 200 && c.verified(a, name) && a.mayHave(grants, request.Read, name) {
		rt.Fatalf("%s: %d, decided: %v, logged: %s", where, answer.Status, c.seen.by[id], c.logged(t, id))
	}
}

// logged is the line of a request.
func (c *decidedCheck) logged(t *testing.T, id string) string {
	c.s.logs(t, "id="+id)
	_, line, _ := strings.Cut(c.s.log.String(), "id="+id)
	line, _, _ = strings.Cut(line, "\n")
	return line
}

// verified says whether a link, if there is one, is about the name at all.
func (c *decidedCheck) verified(a *asker, name string) bool {
	if a.link == nil {
		return true
	}
	_, err := c.k.Verify(strings.TrimPrefix(a.token, "link="), name, c.s.endpoints[0].addr.Addr(), time.Now())
	return err == nil
}

func (c *decidedCheck) count(file, name string, a *asker, status int, coding string) {
	switch {
	case status == 404:
		c.got["not found page"]++
	case coding != "":
		c.got["sibling"]++
	case strings.HasSuffix(file, "index.html") && !strings.HasSuffix(name, "index.html"):
		c.got["index"]++
	case decidedLinks[name] != "":
		c.got["behind a symbolic link"]++
	default:
		c.got["file"]++
	}
	if a.link != nil {
		c.got["by link"]++
	}
}

// listed judges a listing: every entry may be had, and some directory was decided to be listed.
func (c *decidedCheck) listed(rt *rapid.T, grants []authz.Grant, a *asker, id, method string, body []byte, where string) {
	c.got["listing"]++
	dir, found := "", false
	for _, d := range decidedDirs {
		if c.seen.has(id, request.List, d) && a.mayHave(grants, request.List, d) {
			dir, found = d, true
			break
		}
	}
	if !found {
		rt.Fatalf("%s: listed, decided: %v", where, c.seen.by[id])
	}
	if method == "HEAD" {
		return
	}
	var page struct {
		Entries []struct{ Name, Type string }
	}
	if err := json.Unmarshal(body, &page); err != nil {
		rt.Fatalf("%s: %v: %s", where, err, body)
	}
	for _, e := range page.Entries {
		right := request.Read
		if e.Type != "file" {
			right = request.List
		}
		ok := false
		for _, d := range decidedDirs {
			path := strings.TrimPrefix(d+"/"+strings.TrimSuffix(e.Name, "/"), "/")
			ok = ok || c.seen.has(id, right, path) && a.mayHave(grants, right, path)
		}
		if !ok {
			rt.Fatalf("%s: %s of %q is listed, decided: %v", where, e.Name, dir, c.seen.by[id])
		}
	}
}
