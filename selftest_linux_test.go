package rootbound

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// TestContainment prints what answers here, and fails if that is not what the surroundings say it must be: the
// suite runs a second time beneath a filter that takes openat2 away.
func TestContainment(t *testing.T) {
	d := openBaseDir(t, world(t, "f="), Config{})
	c := d.Containment()
	fmt.Println("note: containment:", c)
	if want := os.Getenv("ROOTBOUND_EXPECT_CONTAINMENT"); want != "" && c.Mechanism != want {
		t.Errorf("Mechanism = %q, want %q (ROOTBOUND_EXPECT_CONTAINMENT)", c.Mechanism, want)
	}
	if !c.Proven || !strings.Contains(c.String(), "escapes refused") || !strings.Contains(c.String(), "proven") {
		t.Errorf("Containment() = %v, want it proven", c)
	}
	root := openBaseDir(t, world(t, "f="), Config{noOpenat2: true})
	if c := root.Containment(); c.Mechanism != "os.Root" || !c.Proven {
		t.Errorf("without openat2: %v", c)
	}
	if err := errors.Join(d.Prove(), root.Prove()); err != nil {
		t.Errorf("Prove: %v", err)
	}
	if c := d.Containment(); !c.Proven && c.Mechanism == "openat2" {
		// d.Prove was followed by root.Prove, which makes both be tested anew.
		if err := d.Prove(); err != nil || !d.Containment().Proven {
			t.Errorf("Prove: %v, %v", err, d.Containment())
		}
	}
}

// TestSelfTest: the self-test fails where the system does not confine. Each of these opens errs in one way
// that systems have erred.
func TestSelfTest(t *testing.T) {
	keepsDescriptors(t, func() {
		base := func(d *Dir) string { return d.resolved }
		for name, open := range map[string]opener{
			"no confinement": func(d *Dir, text string) (*os.File, error) { return os.Open(base(d) + "/" + text) },
			"joins absolute": func(d *Dir, text string) (*os.File, error) {
				if filepath.IsAbs(text) {
					return os.Open(text)
				}
				return d.openConfined(text)
			},
			"follows the last link": func(d *Dir, text string) (*os.File, error) { // google/gvisor#14786
				if text == "dirout/" {
					return os.Open(base(d) + "/" + text)
				}
				return d.openConfined(text)
			},
			"ignores RESOLVE_NO_SYMLINKS": func(d *Dir, text string) (*os.File, error) {
				within := *d.selfCopy()
				return within.openConfined(text)
			},
		} {
			c, err := selfTest(false, open)
			if !errors.Is(err, errNotConfined) || c.Proven {
				t.Errorf("%s: %v, %v; want it refuted", name, c, err)
			}
			if discloses(err, os.TempDir()) {
				t.Errorf("%s: the error holds a path: %v", name, err)
			}
		}
		none := func(*Dir, string) (*os.File, error) { return nil, reason.New(reason.Missing, nil) }
		if c, err := selfTest(false, none); err == nil || errors.Is(err, errNotConfined) || c.Proven {
			t.Errorf("nothing opens: %v, %v; refusing everything is no proof", c, err)
		}
		if c, err := selfTest(false, (*Dir).openConfined); err != nil || !c.Proven {
			t.Errorf("the true open: %v, %v", c, err)
		}
	})
}

// selfCopy is the same base with links within allowed.
func (d *Dir) selfCopy() *Dir {
	return &Dir{cfg: Config{Symlinks: SymlinksWithin, noOpenat2: d.cfg.noOpenat2}, rules: d.rules, base: d.base, given: d.given, resolved: d.resolved}
}

func TestRefutedIsAnError(t *testing.T) {
	if !inOwnProcess(t, "refuted") {
		return
	}
	openat2Proof = proof{done: true, err: errNotConfined}
	rootProof = proof{done: true, err: errNotConfined}
	if d, err := Open(world(t), Config{}); !errors.Is(err, errNotConfined) {
		t.Errorf("Open on a system that does not confine = %v, %v", d, err)
	}
}

func TestUnproven(t *testing.T) {
	if !inOwnProcess(t, "unproven") {
		return
	}
	base := world(t, "f="+inside)
	t.Setenv("TMPDIR", filepath.Join(base, "nowhere"))
	d := openBaseDir(t, base, Config{})
	if c := d.Containment(); c.Proven || !strings.Contains(c.String(), "unproven: no temporary directory") || c.Mechanism == "" {
		t.Errorf("Containment() = %v, want it unproven, and why", c)
	}
	if got, why := answer(d, "f"); got != inside {
		t.Errorf("unproven is not closed: %q, %q", got, why)
	}
	t.Setenv("TMPDIR", base)
	if err := d.Prove(); err != nil || !d.Containment().Proven {
		t.Errorf("Prove with a temporary directory: %v, %v", err, d.Containment())
	}
	if left, err := filepath.Glob(filepath.Join(base, "rootbound-selftest-*")); len(left) > 0 || err != nil {
		t.Errorf("the self-test left %v, %v", left, err)
	}
}

// TestWithoutOpenat2 runs beneath a real seccomp filter, as old kernels and containers have it.
func TestWithoutOpenat2(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "noopenat2")
	if os.Getenv(childVariable) == "" {
		if out, err := exec.Command("go", "build", "-o", tool, "./internal/noopenat2").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, errno := range []string{"ENOSYS", "EPERM"} {
		if inOwnProcess(t, errno, tool, "-errno", errno, "--") {
			base := linkWorld(t)
			d := openBaseDir(t, base, Config{})
			if c := d.Containment(); c.Mechanism != "os.Root" || !c.Proven {
				t.Errorf("Containment() = %v, want os.Root, proven", c)
			}
			for name, want := range map[string]Reason{"plain.txt": served, "out.txt": reason.LinkRefused, "missing": reason.Missing} {
				if _, why := answer(d, name); why != want {
					t.Errorf("Open(%q) = %q, want %q", name, why, want)
				}
			}
			return
		}
	}
}

// TestOpenat2TakenAway: a filter that is applied while files are served (our own sandbox is one) must not fail a single
// open, and Containment must not go on saying what was true before.
func TestOpenat2TakenAway(t *testing.T) {
	if !inOwnProcess(t, "taken") {
		return
	}
	d := openBaseDir(t, world(t, "f="+inside), Config{})
	openat2Gone.Store(true)
	rootProof = proof{} // beneath a filter it was tested at Open
	if c := d.Containment(); c.Mechanism != "os.Root" || c.Proven || c.Detail == "" {
		t.Errorf("Containment() = %v, want os.Root, not tested yet", c)
	}
	if got, why := answer(d, "f"); got != inside {
		t.Errorf("%q, %q", got, why)
	}
	if err := d.Prove(); err != nil || !d.Containment().Proven || d.Containment().Mechanism != "os.Root" {
		t.Errorf("Prove: %v, %v", err, d.Containment())
	}
}

// google/gvisor#14786: O_NOFOLLOW is ignored where O_DIRECTORY comes with it, so that a link with a slash behind it is followed. A
// system that does so is found out at the start, and nothing is served there. The control is the same open without it.
func TestAdvisory_gvisor_14786(t *testing.T) {
	follows := func(d *Dir, text string) (*os.File, error) {
		if before, ok := strings.CutSuffix(text, "/"); ok {
			return os.Open(d.resolved + "/" + before)
		}
		return d.openConfined(text)
	}
	for _, noOpenat2 := range []bool{false, true} {
		if c, err := selfTest(noOpenat2, follows); !errors.Is(err, errNotConfined) || c.Proven {
			t.Errorf("followed: %v, %v", c, err)
		}
		if c, err := selfTest(noOpenat2, (*Dir).openConfined); err != nil || !c.Proven {
			t.Errorf("the control: %v, %v", c, err)
		}
	}
}
