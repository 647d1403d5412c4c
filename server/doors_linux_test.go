package server

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/link"
)

// doorFiles say what they are called, as clients see it. m/ is another mount.
var doorFiles = []string{
	"a.txt", "a.txt.gz", "404.html", "index.html", "d/a.txt", "d/b.txt", "d/b.txt.br", "d/e/index.html", "d/e/a.txt", "d2/a.txt", "s/index.html", "s/page.html",
	"m/a.txt", "m/d/a.txt", "m/404.html",
}

var doorLinks = map[string]string{"d/to": "../a.txt", "d/dir": "../s", "to-d": "d", "s/up": "../d/e/a.txt", "m/in": "d"}

// contentOf is what a file holds: its name, so that a body tells which files it is of.
func contentOf(path string) string { return "<<" + path + ">>" }

var contentForm = regexp.MustCompile(`<<([^<>]*)>>`)

// doorMode is one way to run a server.
type doorMode struct {
	off, site, listing, within bool
}

// doorAsker is one way to ask, and what it may do.
type doorAsker struct {
	name, header string
	link         *link.Link
	may          func(right request.Right, path string) bool
}

// openedFiles are the files and directories beneath bases that this process holds open, by the system's own word for each
// descriptor, as clients see them.
func openedFiles(bases map[string]string) (out []string) {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return []string{"unknown: " + err.Error()}
	}
	for _, fd := range fds {
		target, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err != nil {
			continue // the one that lists
		}
		for mount, base := range bases {
			if rel, ok := strings.CutPrefix(target, base+"/"); ok {
				out = append(out, strings.TrimPrefix(mount+"/"+rel, "/"))
			}
		}
	}
	return out
}

// doorRecorder looks at what is open when it was decided, before anything is sent.
type doorRecorder struct {
	noRecord
	bases map[string]string
	mu    sync.Mutex
	open  []string
}

func (r *doorRecorder) Decided(_ time.Time, _ *request.Facts, _ request.Subject, _ request.Decision, refusal error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open = nil; refusal == nil {
		r.open = openedFiles(r.bases)
	}
	return nil
}

func (r *doorRecorder) Waits() bool { return true }

func (r *doorRecorder) Gather() request.Gatherer { return nil }

func (r *doorRecorder) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.open = nil }()
	return r.open
}

// TestNoOtherDoor tries every verb on every route, in every mode, as everybody: whatever is open when it was decided, by the system's
// own word for the descriptors, whatever is sent, and whatever is listed, is what whoever asks may have, by a second
// telling of the rules; and what may be had directly is.
func TestNoOtherDoor(t *testing.T) {
	for i, mode := range []doorMode{{}, {listing: true}, {site: true, within: true}, {site: true, listing: true, within: true}, {listing: true, within: true}} {
		mode.off = i%2 == 1
		t.Run(fmt.Sprintf("%+v", mode), func(t *testing.T) { newDoors(t, mode).all(t) })
	}
}

type doors struct {
	*served
	client *attack.Client
	mode   doorMode
	record *doorRecorder
	askers []*doorAsker
	grants []authz.Grant
	seen   map[string]int
	turn   int
}

func newDoors(t *testing.T, mode doorMode) *doors {
	t.Helper()
	d := &doors{mode: mode, seen: map[string]int{}, record: &doorRecorder{bases: map[string]string{}}, grants: []authz.Grant{
		{User: "alice", On: "/", May: all},
		{User: "alice", On: "d/e/", May: all, Deny: true},
		{User: "alice", On: "m/d/", May: []string{"share"}, Deny: true},
		{User: "bob", On: "d/", May: readList},
		{User: "bob", On: "a.txt", May: []string{"read"}},
		{User: "bob", On: "s/", May: []string{"list"}},
		{Anyone: true, On: "d2/", May: readList, Deny: true},
		{Anyone: true, On: "s/page.html", May: []string{"read"}},
	}}
	z, err := authz.New(authz.Source{Grants: d.grants})
	if err != nil {
		t.Fatal(err)
	}
	st, r := withRegister(t)
	users := openUsers(t, filepath.Join(t.TempDir(), "users"), "alice", "bob")
	tokens, err := authn.NewTokens(st, users)
	if err != nil {
		t.Fatal(err)
	}
	a, err := authn.New(authn.Config{Users: users, Methods: []authn.Method{tokens}})
	if err != nil {
		t.Fatal(err)
	}
	token, id, digest := authn.NewToken()
	limits := &request.Limits{Rights: []request.Right{request.Read}, On: []string{"d/", "m/a.txt"}}
	if err := st.AddToken(t.Context(), state.Token{ID: id, Digest: digest, Subject: "alice", Rights: []string{"read"}, On: limits.On, Created: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	d.served = serve(t, nil, func(u *setup) {
		other := t.TempDir()
		d.record.bases[""], d.record.bases["m"] = u.base, other
		plantDoors(t, u.base, other)
		u.dir.Symlinks = rootbound.SymlinksRefuse
		if mode.within {
			u.dir.Symlinks = rootbound.SymlinksWithin
		}
		u.cfg.Mounts = []Mount{{Dir: openDir(t, u.base, u.dir)}, {Name: "m", Dir: openDir(t, other, u.dir)}}
		u.cfg.Authn, u.cfg.Authz, u.cfg.Links, u.cfg.LinkRegister, u.cfg.Recorder = a, z, testKeys(t), r, d.record
		u.cfg.NoFastLane, u.cfg.Site, u.cfg.Precompressed, u.cfg.Listing, u.cfg.DownloadRoute = mode.off, mode.site, mode.site, mode.listing, "/get"
		u.cfg.CacheSize = -1 // so that whatever is sent is open
	})
	d.client = &attack.Client{Addr: d.addr}
	t.Cleanup(func() { _ = d.client.Close() })
	d.askers = d.everybody(t, "Authorization: Bearer "+token, limits)
	return d
}

func plantDoors(t *testing.T, base, other string) {
	t.Helper()
	trees := map[string]map[string]string{base: {}, other: {}}
	place := func(path string) (string, string) {
		if rest, ok := strings.CutPrefix(path, "m/"); ok {
			return other, rest
		}
		return base, path
	}
	for _, f := range doorFiles {
		in, rest := place(f)
		trees[in][rest] = contentOf(f)
	}
	plantFiles(t, base, trees[base])
	plantFiles(t, other, trees[other])
	notOlder(t, base, "a.txt.gz", "d/b.txt.br")
	for from, to := range doorLinks {
		in, rest := place(from)
		if err := os.Symlink(to, filepath.Join(in, rest)); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *doors) everybody(t *testing.T, token string, limits *request.Limits) []*doorAsker {
	t.Helper()
	may := func(user string) func(request.Right, string) bool {
		return func(right request.Right, path string) bool {
			yes, _ := granted(d.grants, user, right, path)
			return yes
		}
	}
	nobody, alices, bobs := may(""), may("alice"), may("bob")
	out := []*doorAsker{
		{name: "nobody", header: "X: y", may: nobody},
		{name: "alice", header: basic("alice", "alice"), may: alices},
		{name: "bob", header: basic("bob", "bob"), may: bobs},
		{name: "a token of alice's", header: token, may: func(right request.Right, path string) bool {
			return alices(right, path) && limits.Allow(right, path)
		}},
	}
	for i, l := range []link.Link{
		{Path: "a.txt"},
		{Path: "d", Dir: true},
		{Dir: true},
		{Path: "m", Dir: true},
		{Path: "m/d", Dir: true},
		{Path: "d2", Dir: true},
		{Path: "to-d", Dir: true},
		{Path: "d", Dir: true, Owner: "alice"},
		{Path: "m", Dir: true, Owner: "alice"},
		{Path: "d", Dir: true, Owner: "bob"},
		{Path: "a.txt", Uses: link.MaxUses},
		{Path: "d/b.txt", Attachment: true, To: "bob"},
	} {
		l.ID, l.Expires = fmt.Sprintf("link-%d", i), time.Now().Add(time.Hour)
		signed, err := testKeys(t).Sign(l)
		if err != nil {
			t.Fatal(err)
		}
		header := "X: y"
		if l.To != "" {
			header = basic(l.To, l.To)
		}
		out = append(out, &doorAsker{name: fmt.Sprintf("a link to %q of %q", l.Path, l.Owner), header: header, link: &signed, may: func(right request.Right, path string) bool {
			_, denied := granted(slices.DeleteFunc(slices.Clone(d.grants), func(g authz.Grant) bool { return !g.Anyone }), "", right, path)
			owned := l.Owner == "" || may(l.Owner)(right, path) && may(l.Owner)(sharing(right), path)
			beneath := l.Path == "" && path != "" || strings.HasPrefix(path, l.Path+"/")
			covers := !l.Dir && right == request.Read && path == l.Path || l.Dir && (beneath || right == request.List && path == l.Path)
			return covers && !denied && owned
		}})
	}
	return out
}

// sharing is the right to share, which grants tell of directories and files alike.
func sharing(request.Right) request.Right { return request.Share }

func (d *doors) all(t *testing.T) {
	names := slices.Concat(doorFiles, slices.Sorted(maps.Keys(doorLinks)), []string{"", "d", "d/e", "d2", "s", "m", "m/d", "missing", "m/missing", "d/missing", "d/dir/page.html", "to-d/b.txt", "-", "-/healthz", "-/metrics", "-/links"})
	for _, asker := range d.askers {
		for _, name := range names {
			for _, route := range []string{"path", "directory", "download"} {
				d.one(t, asker, "GET", route, name)
			}
			others := []string{"HEAD", "OPTIONS", "POST", "PUT", "DELETE"}
			d.one(t, asker, others[d.turn%len(others)], "path", name)
			d.turn++
		}
	}
	want := []string{"file", "refused"}
	if d.mode.site {
		want = append(want, "coded", "not found page")
	}
	if d.mode.listing {
		want = append(want, "listing", "entry")
	}
	for _, what := range want {
		if d.seen[what] == 0 {
			t.Errorf("never seen: %s (of %v)", what, d.seen)
		}
	}
}

var entryForm = regexp.MustCompile(`"name":"([^"]*)","type":"([^"]*)"`)

func (d *doors) one(t *testing.T, a *doorAsker, method, route, name string) {
	target := "/" + name
	switch route {
	case "directory":
		target += "/"
	case "download":
		target = "/get?file=" + name
	}
	if a.link != nil {
		sep := "?"
		if route == "download" {
			sep = "&"
		}
		target += sep + "link=" + a.link.Token
	}
	headers := []string{a.header, "Accept: application/json", "Accept-Encoding: br, gzip"}
	if method == "POST" || method == "PUT" {
		headers = append(headers, "Content-Length: 0")
	}
	answer, err := d.client.Do(method, target, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	where := fmt.Sprintf("%s: %s %s %s", a.name, method, route, name)
	for _, path := range d.record.taken() {
		if a.may(request.Read, path) || a.may(request.List, path) && !slices.Contains(doorFiles, path) {
			continue
		}
		if !slices.Contains(doorFiles, path) && a.may(request.Read, path+"/index.html") { // a directory that is open for its index
			continue
		}
		if a.link != nil && a.link.Dir && path == a.link.Path { // the directory that is the base
			continue
		}
		t.Errorf("%s: %q was open when it was decided", where, path)
	}
	if strings.Contains(name, "-/") || name == "-" {
		return // the server's own pages tell nothing of files, which is looked at below for every body
	}
	d.body(t, a, where, answer.Status, string(answer.Body), answer.Header.Get("Content-Type"), answer.Header.Get("Content-Encoding"))
	if path := strings.TrimSuffix(name, "/"); method == "GET" && route == "path" && slices.Contains(doorFiles, path) && answer.Status != 200 && a.may(request.Read, path) && d.reaches(a, path) {
		t.Errorf("%s: %d, and it may be had", where, answer.Status)
	}
}

// reaches says whether a link is about the name at all.
func (d *doors) reaches(a *doorAsker, path string) bool {
	if a.link == nil {
		return true
	}
	_, err := d.cfg.Links.Verify(a.link.Token, path, loopback4, time.Now())
	return err == nil
}

func (d *doors) body(t *testing.T, a *doorAsker, where string, status int, body, kind, coding string) {
	t.Helper()
	files := contentForm.FindAllStringSubmatch(body, -1)
	for _, f := range files {
		if !a.may(request.Read, f[1]) {
			t.Errorf("%s: %d with %q", where, status, f[1])
		}
		switch {
		case coding != "":
			d.seen["coded"]++
		case status == 404:
			d.seen["not found page"]++
		default:
			d.seen["file"]++
		}
	}
	if status == 200 && kind == "application/json" && strings.Contains(body, `"entries"`) {
		d.seen["listing"]++
		d.listed(t, a, where, body)
	}
	if status >= 400 {
		d.seen["refused"]++
	}
}

// listed judges each entry of a page by the directory that the page says it is of.
func (d *doors) listed(t *testing.T, a *doorAsker, where, body string) {
	t.Helper()
	dir := regexp.MustCompile(`"path":"/([^"]*)"`).FindStringSubmatch(body)
	if dir == nil {
		t.Errorf("%s: a listing of nothing: %s", where, body)
		return
	}
	if path := strings.TrimSuffix(dir[1], "/"); !a.may(request.List, path) && path != "" {
		t.Errorf("%s: %q is listed", where, path)
	}
	for _, e := range entryForm.FindAllStringSubmatch(body, -1) {
		d.seen["entry"]++
		path, right := dir[1]+strings.TrimSuffix(e[1], "/"), request.Read
		if e[2] != "file" {
			right = request.List
		}
		if !a.may(right, path) {
			t.Errorf("%s: %q is listed", where, path)
		}
	}
}
