// Package plant builds trees with canaries for tests. It is apart from package attack so that programs can use
// the corpus without the testing package.
package plant

import (
	"testing"

	"github.com/rootbound/rootbound/internal/attack"
)

// New plants a tree in a temporary directory of the test.
func New(tb testing.TB) attack.Layout {
	tb.Helper()
	l, err := attack.PlantTree(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// Links plants links into a tree and returns the layout with the canaries these could leak.
func Links(tb testing.TB, l attack.Layout) (attack.Layout, []attack.Link) {
	tb.Helper()
	l, links, err := attack.PlantLinks(l)
	if err != nil {
		tb.Fatal(err)
	}
	return l, links
}
