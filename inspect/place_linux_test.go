package inspect

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
)

func TestParseMount(t *testing.T) {
	for line, want := range map[string]string{
		"36 35 98:0 / /mnt\\040two rw,noatime master:1 - ext4 /dev/root rw": "/mnt two: ext4 from /dev/root",
		"36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw,errors=continue":     "/mnt2: ext3 from /dev/root, its directory /mnt1 (a bind mount)",
		"36 35 98:0 / /net rw - nfs4 host:/a\\134b rw":                      `/net: nfs4 from host:/a\b`,
		"": "", " - ": "", "36 35 - ext3": "", "a b c d e f - x": "",
	} {
		got := ""
		if m, ok := parseMount(line); ok {
			got = m.at + ": " + m.String()
		}
		if got != want {
			t.Errorf("parseMount(%q) = %q, want %q", line, got, want)
		}
	}
	for kind, want := range map[string]bool{"ext4": false, "tmpfs": false, "overlay": false, "fuse": true, "fuse.sshfs": true, "nfs4": true, "autofs": true, "fusectl": false} {
		if distant.MatchString(kind) != want {
			t.Errorf("distant(%q) = %v", kind, !want)
		}
	}
}

// TestOwnProgram: a directory with the running program in it is told by a quick look too.
func TestOwnProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, quick := range []bool{false, true} {
		r := run(t, filepath.Dir(self), Config{Quick: quick})
		if !slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
			return f.Rule == finding.PlaceProgram && f.Place.Path == filepath.Base(self)
		}) {
			t.Errorf("quick %t: not found: %+v", quick, r.Findings)
		}
	}
}
