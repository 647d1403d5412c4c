package probe_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/undefended"
	"github.com/rootbound/rootbound/probe"
)

// blindSpots are the twins whose mistake a probe cannot see here, with the reason.
var blindSpots = map[string]string{
	"hidden-served":     "that hidden names are served is a note: many servers mean it",
	"rule-before-clean": "it refuses .env at the top alone, where a probe plants none: an application might read it",
	"dollar-newline":    "it lets by a newline behind .env, in names without a slash alone, and a probe plants none at the top",
	"check-then-open":   "it takes a race, see TestServers; without one it tells what exists",
}

// mistakes are the rules that twins break whose mistake is one of a kind; all others let names climb, in some spelling.
var mistakes = map[string]finding.ID{
	"follow-links": finding.LinkEscape, "leaf-links": finding.LinkEscape, "sidecar": finding.LinkEscape, "index": finding.LinkEscape,
	"absolute-join": finding.NameAbsolute, "file-url": finding.NameAbsolute, "nul-cut": finding.NameNUL, "concatenate": finding.SiblingPrefix,
	"prefix-compare": finding.SiblingPrefix, "alias-off-by-slash": finding.AliasSlash,
	"case-fold": finding.NameHidden, "normalization": finding.NameHidden, "cut-after-check": finding.NameHidden,
}

// TestTwins: each undefended server makes one mistake of its own, and the probe finds that one, and has none where there is none.
func TestTwins(t *testing.T) {
	for _, twin := range undefended.Twins() {
		t.Run(twin.Name, func(t *testing.T) {
			t.Parallel()
			base, path := plot(t), "/"
			if twin.Name == "alias-off-by-slash" {
				path = "/static/"
			}
			want := mistakes[twin.Name]
			if want == "" {
				want = finding.NameTraversal
			}
			r := attackOn(t, "http://"+serveTwin(t, twin, base)+path, base, func(c *probe.Config) {
				c.Sample, c.Platform, c.Blind = 20, "any", true
				if want == finding.SiblingPrefix { // few of its names have no separator
					c.Sample, c.Only = 0, []string{"sibling-prefix"}
				}
			})
			_, blind := blindSpots[twin.Name]
			if slices.Contains(rules(r), string(want)) == blind {
				t.Errorf("%s: found %v, want %s unless it is a blind spot: %t", twin.Misreads, rules(r), want, blind)
			}
		})
	}
}

// TestWithoutBase: what a system file and the answers tell is found without access to the server's disk, and a server that
// leaks nothing is still reported clean.
func TestWithoutBase(t *testing.T) {
	base := plot(t)
	for _, tt := range []struct{ twin, want string }{
		{"naive-join", "name-traversal path-disclosed"}, {"absolute-join", "name-absolute path-disclosed"}, {"decode-twice", "name-traversal path-disclosed"}, {"params", "name-traversal path-disclosed"},
	} {
		r := attackOn(t, "http://"+serveTwin(t, undefended.ByName(tt.twin), base)+"/", "", func(c *probe.Config) { c.File, c.Sample = "hello.txt", 30 })
		if found := rules(r); strings.Join(found, " ") != tt.want {
			t.Errorf("%s: found %v, want %q", tt.twin, found, tt.want)
		}
	}
}
