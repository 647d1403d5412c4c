package authz

import (
	"slices"
	"testing"

	"github.com/rootbound/rootbound/internal/request"
)

// What is remembered of somebody is of the groups that came along, and of no other list that reads alike.
func TestGroupsOfTheMoment(t *testing.T) {
	a := must(t, Source{Grants: []Grant{{Group: "g", On: "/", May: readList}}})
	lists := [][]string{{"g", "h"}, {"g\x00h"}, nil, {""}, {"g"}, {"", "g"}, {"h"}, {"h", "g"}, {"h\x00g"}}
	for range 3 {
		for _, groups := range lists {
			d := a.Decide(request.Subject{ID: "u", Groups: groups}, request.Read, Resource{Name: "x"})
			if want := slices.Contains(groups, "g"); d.Allowed != want {
				t.Errorf("%q: %v, want %v", groups, d.Allowed, want)
			}
		}
		slices.Reverse(lists)
	}
}

// Groups that come with the credential, as from a state or an issuer, are remembered with it.
func BenchmarkDecideByGroups(b *testing.B) {
	a := benchmarked(b)
	who := request.Subject{ID: "dave", Groups: []string{"g1", "g2", "g3"}}
	for b.Loop() {
		if !a.Decide(who, request.Read, Resource{Name: "dir3/a/b/c/file.txt"}).Allowed {
			b.Fatal("denied")
		}
	}
}
