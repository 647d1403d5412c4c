package inspect

import (
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
)

// plantedElsewhere are the rules that no file of a tree breaks, with the test that has them found and has a control.
var plantedElsewhere = map[finding.ID]string{
	finding.SetID: "TestPlanted", finding.Executable: "TestPlanted", finding.WorldWritable: "TestPlanted", finding.OtherOwner: "TestPlanted",
	finding.MountPoint: "TestMounts", finding.PathWritable: "TestPlaces", finding.PlaceWebRoot: "TestPlaces", finding.PlaceHome: "TestPlaces",
	finding.PlaceProgram: "TestPlaces", finding.PlaceSystem: "TestSystemPart",
}

// TestEveryRule: there is no rule that is not planted somewhere.
func TestEveryRule(t *testing.T) {
	wanted := slices.Clone(alsoFound)
	for _, p := range planted {
		wanted = append(wanted, p.want)
	}
	for _, r := range finding.Rules() {
		is := func(want string) bool { return strings.Contains(want+" ", " "+string(r.ID)+" ") }
		if slices.Contains(r.Tools, "inspect") && plantedElsewhere[r.ID] == "" && !slices.ContainsFunc(wanted, is) {
			t.Errorf("%s is planted nowhere", r.ID)
		}
	}
}

// TestSystemPart: a part of the system is no base directory, and one of its own is not taken for such a part.
func TestSystemPart(t *testing.T) {
	for dir, want := range map[string]bool{"/etc": true, "/": true, t.TempDir(): false} {
		r := run(t, dir, Config{Quick: true, MaxEntries: 1, Workers: 1})
		if got := slices.Contains(found(r), "high place-system"); got != want {
			t.Errorf("%s: a part of the system: %t, want %t: %q", dir, got, want, found(r))
		}
	}
}
