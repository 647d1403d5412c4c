package rootbound

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/rootbound/rootbound/internal/reason"
)

// Containment says what keeps the opens of a Dir beneath its base, and how well that is known.
type Containment struct {
	// Mechanism is "openat2" or "os.Root".
	Mechanism string
	// Proven says that a self-test in this process saw it refuse what must be refused.
	Proven bool
	// Detail says what the self-test tried, or why there was none.
	Detail string
}

func (c Containment) String() string {
	if c.Proven {
		return c.Mechanism + " (proven: " + c.Detail + ")"
	}
	return c.Mechanism + " (unproven: " + c.Detail + ")"
}

// Containment reports what is at work for the next open, and what the self-test of this process showed.
func (d *Dir) Containment() Containment {
	p := proofOf(d.useOpenat2())
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.result
}

// Prove runs the self-test again, for instance after a sandbox was applied to the process. The error says that
// the system does not confine; nothing should be served then.
func (d *Dir) Prove() error {
	p := proofOf(d.useOpenat2())
	p.mu.Lock()
	p.done = false
	p.mu.Unlock()
	return d.prove()
}

// proof is what is known of one mechanism, once a process.
type proof struct {
	mu     sync.Mutex
	done   bool
	result Containment
	err    error
}

var openat2Proof, rootProof proof

func proofOf(openat2 bool) *proof {
	if openat2 {
		return &openat2Proof
	}
	return &rootProof
}

// prove runs the self-test unless this process has. If openat2 turns out to be missing, os.Root is proven instead.
func (d *Dir) prove() error {
	for {
		openat2 := d.useOpenat2()
		p := proofOf(openat2)
		p.mu.Lock()
		if !p.done {
			p.result, p.err = selfTest(d.cfg.noOpenat2)
			if openat2 && !d.useOpenat2() { // it fell back while it was tested
				p.mu.Unlock()
				continue
			}
			p.done = true
		}
		err := p.err
		p.mu.Unlock()
		return err
	}
}

// selfTest tries, in a private temporary directory and with the very opens that serve, what must not work: a link
// that leaves, "..", an absolute name, a directory link with a trailing slash, and a link where links are refused;
// and what must work. It goes below the name rules, which would refuse most of it first.
func selfTest(noOpenat2 bool) (Containment, error) {
	c := Containment{Mechanism: "os.Root"}
	tmp, err := os.MkdirTemp("", "rootbound-selftest-*")
	if err != nil {
		return withMechanism(c, noOpenat2, "no temporary directory to test in"), nil
	}
	defer os.RemoveAll(tmp)
	outside, err := plantSelfTest(tmp)
	if err != nil {
		return withMechanism(c, noOpenat2, "the temporary directory cannot hold the test: "+systemReason(err).Error()), nil
	}
	escapes := []string{"..", "../outside", "../outside/secret", "out", "dirout/", "dirout/secret", "dirout/.", outside, "sub/../../outside/secret"}
	tried := 0
	for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
		d, err := selfTestDir(filepath.Join(tmp, "base"), links, noOpenat2)
		if err != nil {
			return c, fmt.Errorf("rootbound: self-test: %w", err)
		}
		if f, err := d.openConfined("sub/inside"); err != nil {
			_ = d.Close()
			return c, fmt.Errorf("rootbound: self-test: a plain file cannot be opened: %w", err)
		} else {
			_ = f.Close()
		}
		names := escapes
		if links == SymlinksRefuse {
			names = append(names[:len(names):len(names)], "in", "dirin/inside")
		}
		for _, n := range names {
			f, err := d.openConfined(n)
			if err == nil {
				_ = f.Close()
				_ = d.Close()
				return withMechanism(c, noOpenat2, "refuted"), fmt.Errorf("rootbound: this system does not confine opens: %q left the base directory in the self-test; do not serve files here", selfTestLabel(n, outside))
			}
			tried++
		}
		c.Mechanism = d.mechanism()
		if err := d.Close(); err != nil {
			return c, err
		}
	}
	c.Proven = true
	c.Detail = fmt.Sprintf("%d escapes refused", tried)
	return c, nil
}

// selfTestLabel keeps the temporary directory's path out of messages.
func selfTestLabel(n, outside string) string {
	if n == outside {
		return "an absolute name"
	}
	return n
}

func withMechanism(c Containment, noOpenat2 bool, detail string) Containment {
	if (&Dir{cfg: Config{noOpenat2: noOpenat2}}).useOpenat2() {
		c.Mechanism = "openat2"
	}
	c.Detail = detail
	return c
}

func (d *Dir) mechanism() string {
	if d.useOpenat2() {
		return "openat2"
	}
	return "os.Root"
}

func selfTestDir(path string, links Symlinks, noOpenat2 bool) (*Dir, error) {
	cfg := Config{Symlinks: links, noOpenat2: noOpenat2}
	rules, err := cfg.rules()
	if err != nil {
		return nil, err
	}
	b, err := openBase(path)
	if err != nil {
		return nil, errors.New("the test's base directory cannot be opened: " + string(reason.Of(systemReason(err))))
	}
	d := newDir(cfg, rules, b)
	d.given, d.resolved = path, path
	return d, nil
}

func plantSelfTest(tmp string) (outside string, err error) {
	outside = filepath.Join(tmp, "outside", "secret")
	base := filepath.Join(tmp, "base")
	err = errors.Join(
		os.MkdirAll(filepath.Join(base, "sub"), 0o700),
		os.Mkdir(filepath.Join(tmp, "outside"), 0o700),
	)
	if err != nil {
		return "", err
	}
	return outside, errors.Join(
		writeNew(outside), writeNew(filepath.Join(base, "sub", "inside")),
		os.Symlink("../outside/secret", filepath.Join(base, "out")),
		os.Symlink("../outside", filepath.Join(base, "dirout")),
		os.Symlink("sub/inside", filepath.Join(base, "in")),
		os.Symlink("sub", filepath.Join(base, "dirin")),
	)
}

func writeNew(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
