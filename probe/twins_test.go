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
	"hidden-served": "that hidden names are served is a note: many servers mean it",
}

// TestTwins: each undefended server makes one mistake of its own, and the probe finds all of them.
func TestTwins(t *testing.T) {
	for _, twin := range undefended.Twins() {
		t.Run(twin.Name, func(t *testing.T) {
			t.Parallel()
			base := plot(t)
			r := attackOn(t, "http://"+serveTwin(t, twin, base)+"/", base, func(c *probe.Config) {
				c.Sample, c.Platform, c.Blind = 20, "any", true
			})
			found := rules(r)
			leaks := slices.ContainsFunc(found, func(id string) bool {
				return !slices.Contains([]string{string(finding.ExistenceOracle), string(finding.PathDisclosed), string(finding.AllowlistNewline)}, id)
			})
			_, blind := blindSpots[twin.Name]
			// Without the race, check-then-open tells what exists and hands out nothing.
			if leaks == (blind || twin.Name == "check-then-open") {
				t.Errorf("%s: found %v", twin.Misreads, found)
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
