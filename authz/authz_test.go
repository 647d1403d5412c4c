package authz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

func must(t testing.TB, src Source) *Authorizer {
	t.Helper()
	a, err := New(src)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func user(name string) request.Subject { return request.Subject{ID: name, Method: "basic"} }

var (
	readList = []string{"read", "list"}
	nobody   = request.Subject{}
)

// What the usual grants mean.
func TestGrants(t *testing.T) {
	a := must(t, Source{
		Grants: []Grant{
			{Group: "staff", On: "reports/", May: readList},
			{User: "alice", On: "notes/alice.txt", May: []string{"read"}},
			{User: "bob", On: "reports/2026/", May: readList, Deny: true},
			{Authenticated: true, On: "/handbook.pdf", May: []string{"read"}},
			{Anyone: true, On: "pub/", May: readList},
			{Anyone: true, On: "pub/secret", May: readList, Deny: true, Refuse: 403},
			{User: "root", On: "/", May: []string{"read", "list", "delete"}},
		},
		Groups: []byte("# people\nstaff: alice bob\n\nstaff: carol\n"),
	})
	for _, tt := range []struct {
		who   string
		right request.Right
		name  string
		want  string // "" is allowed
	}{
		{"alice", request.Read, "reports/a", ""},
		{"alice", request.Read, "reports/2026/a", ""},
		{"alice", request.List, "reports", ""},
		{"alice", request.Read, "reports", "no-grant"}, // a file of that name is not beneath the directory
		{"alice", request.Read, "reportsx/a", "no-grant"},
		{"alice", request.Read, "Reports/a", "no-grant"},
		{"alice", request.Delete, "reports/a", "no-grant"},
		{"carol", request.Read, "reports/a", ""},
		{"dave", request.Read, "reports/a", "no-grant"},
		{"Alice", request.Read, "reports/a", "no-grant"},
		{"staff", request.Read, "reports/a", "no-grant"},
		{"bob", request.Read, "reports/a", ""},
		{"bob", request.Read, "reports/2026/a", "no-grant"},
		{"bob", request.List, "reports/2026", "no-grant"},
		{"alice", request.Read, "notes/alice.txt", ""},
		{"alice", request.Read, "notes/alice.txt/x", ""},
		{"alice", request.Read, "notes/bob.txt", "no-grant"},
		{"alice", request.List, "notes", "no-grant"},
		{"dave", request.Read, "handbook.pdf", ""},
		{"", request.Read, "handbook.pdf", "no-grant"},
		{"", request.Read, "pub/a", ""},
		{"", request.List, "pub/b/c", ""},
		{"", request.Read, "pub/secret", "forbidden"},
		{"root", request.Read, "pub/secret", "forbidden"},
		{"root", request.List, "pub/secret", "forbidden"},
		{"root", request.Read, "pub/secret/deep/down", "forbidden"},
		{"root", request.List, ".", ""},
		{"alice", request.List, ".", "no-grant"},
		{"root", request.Delete, "x/y/z", ""},
		{"root", request.Share, "x/y/z", "no-grant"},
	} {
		who := user(tt.who)
		if tt.who == "" {
			who = nobody
		}
		for range 2 { // decided, and remembered
			d := a.Decide(who, tt.right, Resource{Name: tt.name})
			if d.Allowed != (tt.want == "") || string(d.Reason) != tt.want {
				t.Errorf("%q %s %q: %+v, want %q", tt.who, tt.right, tt.name, d, tt.want)
			}
		}
	}
	if !a.Anonymous() {
		t.Error("pub/ is for anyone")
	}
	if d := a.Decide(user("alice"), request.Read, Resource{Name: "pub/a"}); d.Private {
		t.Error("what anybody may have is not private")
	}
	if d := a.Decide(user("alice"), request.Read, Resource{Name: "reports/a"}); !d.Private || d.Policy != "grant[0]" {
		t.Errorf("%+v", d)
	}
}

// A mount's name is the first element of what is granted.
func TestMounts(t *testing.T) {
	a := must(t, Source{Grants: []Grant{{User: "a", On: "music/albums/", May: readList}, {User: "a", On: "films/x", May: []string{"read"}}}})
	for _, tt := range []struct {
		mount, name string
		right       request.Right
		want        bool
	}{
		{"music", "albums/x", request.Read, true},
		{"music", "albums", request.List, true},
		{"", "music/albums/x", request.Read, true},
		{"", "albums/x", request.Read, false},
		{"music", "x", request.Read, false},
		{"music", ".", request.List, false},
		{"films", "x", request.Read, true},
		{"films", "y", request.Read, false},
		{"x", "x", request.Read, false},
		{"films", ".", request.Read, false},
	} {
		if d := a.Decide(user("a"), tt.right, Resource{Mount: tt.mount, Name: tt.name}); d.Allowed != tt.want {
			t.Errorf("%+v: %+v", tt, d)
		}
	}
}

// oracle is what grants mean, written without Cedar, index or memory.
func oracle(grants []Grant, groups map[string][]string, who request.Subject, right request.Right, path string) bool {
	allowed := false
	for _, g := range grants {
		is := g.Anyone || g.Authenticated && who.ID != "" || g.User != "" && g.User == who.ID || g.Group != "" && slices.Contains(groups[who.ID], g.Group)
		on := strings.TrimSuffix(g.On, "/")
		beneath := on == "" && path != "" || strings.HasPrefix(path, on+"/")
		here := path == on && (right == request.List || !strings.HasSuffix(g.On, "/"))
		if !is || !slices.Contains(g.May, string(right)) || !beneath && !here {
			continue
		}
		if g.Deny {
			return false
		}
		allowed = true
	}
	return allowed
}

// Whatever the grants, whoever asks and in whatever order, the answer is that of the oracle.
func TestGrantsAgainstOracle(t *testing.T) {
	paths := []string{"a", "a/b", "a/b/c", "a/c", "ab", "b", "b/a", "a/b/c/d"}
	users := []string{"u1", "u2", "u3"}
	rapid.Check(t, func(t *rapid.T) {
		var grants []Grant
		for range rapid.IntRange(1, 8).Draw(t, "grants") {
			g := Grant{
				On: rapid.SampledFrom(paths).Draw(t, "on") + rapid.SampledFrom([]string{"", "/"}).Draw(t, "slash"), Deny: rapid.IntRange(0, 3).Draw(t, "deny") == 0,
				May: rapid.SampledFrom([][]string{{"read"}, {"list"}, readList}).Draw(t, "may"),
			}
			if rapid.IntRange(0, 5).Draw(t, "all") == 0 {
				g.On = "/"
			}
			switch rapid.IntRange(0, 3).Draw(t, "who") {
			case 0:
				g.User = rapid.SampledFrom(users).Draw(t, "user")
			case 1:
				g.Group = rapid.SampledFrom([]string{"g", "h"}).Draw(t, "group")
			case 2:
				g.Authenticated = true
			default:
				g.Anyone = true
			}
			grants = append(grants, g)
		}
		a, err := New(Source{Grants: grants, Groups: []byte("g: u1 u2\nh: u2")})
		if err != nil {
			t.Fatal(err)
		}
		groups := map[string][]string{"u1": {"g"}, "u2": {"g", "h"}}
		for range 40 {
			who := request.Subject{ID: rapid.SampledFrom(append(users, "")).Draw(t, "asks")}
			groups := groups
			if who.ID != "" && rapid.Bool().Draw(t, "comes with groups") { // which differ from one time to the next
				who.Groups = rapid.SampledFrom([][]string{{"g"}, {"h"}, {"g", "h"}, {"g\x00h"}, {""}}).Draw(t, "groups")
				groups = map[string][]string{who.ID: slices.Concat(groups[who.ID], who.Groups)}
			}
			right := rapid.SampledFrom([]request.Right{request.Read, request.List}).Draw(t, "right")
			path := rapid.SampledFrom(append(paths, "")).Draw(t, "path")
			of := Resource{Name: path}
			switch mount, name, ok := strings.Cut(path, "/"); {
			case path == "":
				of.Name = "."
			case rapid.Bool().Draw(t, "of a mount") && ok:
				of = Resource{Mount: mount, Name: name}
			case !ok && rapid.Bool().Draw(t, "a mount itself"):
				of = Resource{Mount: path, Name: "."}
			}
			d, want := a.Decide(who, right, of), oracle(grants, groups, who, right, path)
			if d.Allowed != want {
				t.Fatalf("%q %s %q = %v, want %v, by\n%+v", who.ID, right, path, d.Allowed, want, grants)
			}
			if d.Allowed && !d.Private && !oracle(grants, groups, nobody, right, path) {
				t.Fatalf("%q %s %q may be shared, and anybody may not have it, by\n%+v", who.ID, right, path, grants)
			}
		}
	})
}

const policies = `permit (principal, action in [Action::"read", Action::"list"], resource)
  when { resource.path like "*.pdf" };
@id("no-drafts") forbid (principal, action, resource) when { resource.name like "draft*" } unless { principal == User::"editor" };
@refuse("403") forbid (principal == Link::"stolen", action, resource);
permit (principal in Group::"staff", action == Action::"read", resource in Directory::"deep");
`

func TestPolicies(t *testing.T) {
	a := must(t, Source{Policies: []byte(policies), PoliciesName: "p.cedar", Groups: []byte("staff: s")})
	deep := "deep/" + strings.Repeat("d/", 200) + "x"
	for _, tt := range []struct {
		who    request.Subject
		name   string
		want   bool
		policy string
		reason reason.Code
	}{
		{user("a"), "x/a.pdf", true, "p.cedar:1", ""},
		{user("a"), "x/a.txt", false, "", reason.NoGrant},
		{user("a"), "x/draft.pdf", false, "no-drafts", reason.NoGrant},
		{user("editor"), "x/draft.pdf", true, "p.cedar:1", ""},
		{nobody, "x/a.pdf", true, "p.cedar:1", ""},
		{request.Subject{ID: "good", Method: MethodLink}, "x/a.txt", true, "", ""},
		{request.Subject{ID: "good", Method: MethodLink}, "x/draft", false, "no-drafts", reason.NoGrant},
		{request.Subject{ID: "stolen", Method: MethodLink}, "x/a.pdf", false, "p.cedar:4", reason.Forbidden},
		{user("stolen"), "x/a.pdf", true, "p.cedar:1", ""},
		{user("s"), "deep/a/b", true, "p.cedar:5", ""},
		{user("s"), deep, false, "depth", reason.NoGrant},
	} {
		if d := a.Decide(tt.who, request.Read, Resource{Name: tt.name}); d.Allowed != tt.want || d.Policy != tt.policy || d.Reason != tt.reason {
			t.Errorf("%v %q: %+v, want %+v", tt.who, tt.name, d, tt)
		}
	}
}

// What can never be asked, or never be evaluated, is refused with its place: skipped, a forbid would allow.
func TestWrongSources(t *testing.T) {
	good := Grant{User: "a", On: "x", May: readList}
	with := func(change func(*Grant)) Source { g := good; change(&g); return Source{Grants: []Grant{good, g}} }
	for name, tt := range map[string]struct {
		src  Source
		want string
	}{
		"nothing":      {Source{}, ErrNothing.Error()},
		"nobody":       {with(func(g *Grant) { g.User = "" }), "grant[1]: it does not say who"},
		"two":          {with(func(g *Grant) { g.Anyone = true }), "grant[1]: it does not say who, or says it twice"},
		"nowhere":      {with(func(g *Grant) { g.On = "" }), "grant[1].on: it does not say on what"},
		"up":           {with(func(g *Grant) { g.On = "a/../b" }), "grant[1].on:"},
		"two slashes":  {with(func(g *Grant) { g.On = "//a" }), "grant[1].on:"},
		"nothing may":  {with(func(g *Grant) { g.May = nil }), "grant[1].may: it grants nothing"},
		"no right":     {with(func(g *Grant) { g.May = []string{"write"} }), `grant[1].may: "write" is no right`},
		"status":       {with(func(g *Grant) { g.Refuse, g.Deny = 401, true }), "grant[1].refuse: 401"},
		"nothing lost": {with(func(g *Grant) { g.Refuse = 403 }), "grant[1].refuse: it refuses nothing"},
		"syntax":       {Source{Policies: []byte("permit (principal, action, resource);\nforbid (prncipal, action, resource);"), PoliciesName: "p.cedar"}, "p.cedar:2:17: "},
		"attribute":    {Source{Policies: []byte("permit (principal, action, resource);\n\n  forbid (principal, action, resource) when { resource.pth == \"x\" };"), PoliciesName: "p.cedar"}, "p.cedar:3:3"},
		"type":         {Source{Policies: []byte(`forbid (principal == Usr::"a", action, resource);`), PoliciesName: "p.cedar"}, "p.cedar:1:1"},
		"action":       {Source{Policies: []byte(`forbid (principal, action == Action::"raed", resource);`), PoliciesName: "p.cedar"}, "p.cedar:1:1"},
		"path":         {Source{Policies: []byte(`forbid (principal, action, resource in Directory::"reports/");`), PoliciesName: "p.cedar"}, "p.cedar:1:1"},
		"path of file": {Source{Policies: []byte(`forbid (principal, action, resource == File::"/etc");`), PoliciesName: "p.cedar"}, "p.cedar:1:1"},
		"refuse":       {Source{Policies: []byte(`@refuse("401") forbid (principal, action, resource);`), PoliciesName: "p.cedar"}, "@refuse"},
		"groups":       {Source{Grants: []Grant{good}, Groups: []byte("a: b\nstaff alice\n"), GroupsName: "groups"}, "groups:2: it is not GROUP: USER USER"},
	} {
		t.Run(name, func(t *testing.T) {
			a := must(t, Source{Grants: []Grant{good}})
			err := a.Replace(tt.src)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if d := a.Decide(user("a"), request.Read, Resource{Name: "x"}); !d.Allowed {
				t.Error("the source before does not decide any more")
			}
		})
	}
}

// A policy that cannot be evaluated denies, although Cedar skips it. The control is Cedar's own answer.
func TestErrorsDeny(t *testing.T) {
	a := must(t, Source{Policies: []byte(`permit (principal, action, resource);
forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };`), PoliciesName: "p"})
	d := a.Decide(user("a"), request.Read, Resource{Name: "x"})
	if d.Allowed || d.Policy != "p:2" {
		t.Errorf("%+v", d)
	}
	s := a.now.Load()
	if v, _ := s.ask(user("a"), request.Read, Resource{Name: "x"}); v.allowed {
		t.Error("allowed")
	}
}

// A change decides at once, whatever was remembered.
func TestReplace(t *testing.T) {
	g := Grant{User: "a", On: "x/", May: readList}
	a := must(t, Source{Grants: []Grant{g}})
	ask := func() bool { return a.Decide(user("a"), request.Read, Resource{Name: "x/y"}).Allowed }
	for range 2 {
		if !ask() {
			t.Fatal("denied")
		}
	}
	g.User = "b"
	if err := a.Replace(Source{Grants: []Grant{g}}); err != nil {
		t.Fatal(err)
	}
	if ask() {
		t.Error("still allowed")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	a := must(t, Source{Grants: []Grant{{Anyone: true, On: "/", May: readList}}})
	for i := range 3 * maxRemembered {
		a.Decide(user(fmt.Sprint(i)), request.Read, Resource{Name: "x"})
	}
	a.Decide(user("x"), request.Read, Resource{Name: strings.Repeat("y/", 2000)})
	m := &a.now.Load().memo
	if len(m.held) > maxRemembered || len(m.held) == 0 {
		t.Errorf("%d are remembered", len(m.held))
	}
	for k := range m.held {
		if len(k.name) > maxKey {
			t.Error("a name that long is remembered")
		}
	}
}

func TestExplain(t *testing.T) {
	a := must(t, Source{Grants: []Grant{{Group: "g", On: "x/", May: readList}, {User: "a", On: "x/y", May: readList, Deny: true, Refuse: 403}}, Groups: []byte("g: a")})
	got := a.Explain(user("a"), request.Read, Resource{Name: "x/y"})
	want := Explanation{Status: 403, Groups: []string{"g"}, By: []PolicyText{{"grant[1]", `@refuse("403")
forbid (
    principal == User::"a",
    action in [Action::"read", Action::"list"],
    resource == File::"x/y"
);`}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := a.Explain(user("a"), request.Read, Resource{Name: "z"}); e.Allowed || e.Status != 404 || len(e.By) != 0 {
		t.Errorf("%+v", e)
	}
}

func TestErrNothingIsFound(t *testing.T) {
	if _, err := New(Source{}); !errors.Is(err, ErrNothing) {
		t.Errorf("%v", err)
	}
}

func benchmarked(b *testing.B) *Authorizer {
	var grants []Grant
	for i := range 1000 {
		grants = append(grants, Grant{Group: fmt.Sprint("g", i), On: fmt.Sprintf("dir%d/", i), May: readList})
	}
	grants = append(grants, Grant{User: "bob", On: "dir7/x", May: readList, Deny: true})
	return must(b, Source{Grants: grants, Groups: []byte("g1: alice\ng2: alice\ng3: alice")})
}

func BenchmarkDecideFirst(b *testing.B) {
	s := benchmarked(b).now.Load()
	for b.Loop() {
		s.ask(user("alice"), request.Read, Resource{Name: "dir3/a/b/c/file.txt"})
	}
}

func BenchmarkDecideRemembered(b *testing.B) {
	a := benchmarked(b)
	for b.Loop() {
		a.Decide(user("alice"), request.Read, Resource{Name: "dir3/a/b/c/file.txt"})
	}
}
