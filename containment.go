package rootbound

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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
	openat2 := d.useOpenat2()
	p := proofOf(openat2)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done { // openat2 went missing after the start; Prove tells more
		return Containment{Mechanism: mechanism(openat2), Detail: "not tested yet"}
	}
	return p.result
}

// Prove runs the self-test again, for instance after a sandbox was applied to the process. The error says that
// the system does not confine; nothing should be served then.
func (d *Dir) Prove() error {
	for _, p := range []*proof{&openat2Proof, &rootProof} {
		p.mu.Lock()
		p.done = false
		p.mu.Unlock()
	}
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

// errNotConfined: the self-test left its base directory.
var errNotConfined = errors.New("rootbound: this system does not confine opens; do not serve files here")

// prove runs the self-test unless this process has. If openat2 turns out to be missing, os.Root is proven instead.
func (d *Dir) prove() error {
	for {
		openat2 := d.useOpenat2()
		again, err := d.proveOne(proofOf(openat2), openat2)
		if !again {
			return err
		}
	}
}

func (d *Dir) proveOne(p *proof, openat2 bool) (again bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return false, p.err
	}
	p.result, p.err = selfTest(d.cfg.noOpenat2, (*Dir).openConfined)
	if openat2 && !d.useOpenat2() { // it fell back while it was tested
		return true, nil
	}
	p.done = p.err == nil || errors.Is(p.err, errNotConfined) // a shortage may be over next time
	return false, p.err
}

// opener is what the self-test tests.
type opener func(d *Dir, text string) (*os.File, error)

// selfTest tries, in a private temporary directory and with the very opens that serve, what must not work: a link
// that leaves, "..", an absolute name, a directory link with a trailing slash, and a link where links are refused;
// and what must work. It goes below the name rules, which would refuse most of it first.
func selfTest(noOpenat2 bool, open opener) (Containment, error) {
	c := Containment{Mechanism: mechanism(useOpenat2(noOpenat2))}
	tmp, err := os.MkdirTemp("", "rootbound-selftest-*")
	if err != nil {
		c.Detail = "no temporary directory to test in"
		return c, nil
	}
	defer os.RemoveAll(tmp)
	outside, err := plantSelfTest(tmp)
	if err != nil {
		c.Detail = "the temporary directory cannot hold the test: " + systemReason(err).Error()
		return c, nil
	}
	tried := 0
	for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
		n, err := selfTestLinks(filepath.Join(tmp, "base"), outside, links, noOpenat2, open)
		if err != nil {
			c.Detail = "the self-test failed"
			return c, err
		}
		tried += n
	}
	c.Mechanism = mechanism(useOpenat2(noOpenat2))
	c.Proven = true
	c.Detail = strconv.Itoa(tried) + " escapes refused"
	return c, nil
}

// selfTestLinks returns how many opens it saw refused.
func selfTestLinks(base, outside string, links Symlinks, noOpenat2 bool, open opener) (int, error) {
	d, err := selfTestDir(base, links, noOpenat2)
	if err != nil {
		return 0, fmt.Errorf("rootbound: self-test: %w", err)
	}
	defer d.Close()
	served := []string{"sub/inside"}
	refused := []string{"..", "../outside", "../outside/secret", "out", "dirout/", "dirout/secret", "dirout/.", outside, "sub/../../outside/secret"}
	inside := []string{"in", "dirin/inside"}
	if links == SymlinksRefuse {
		refused = append(refused, inside...)
	} else {
		served = append(served, inside...)
	}
	for _, n := range served {
		f, err := open(d, n)
		if err != nil {
			return 0, fmt.Errorf("rootbound: self-test: %q cannot be opened: %w", n, err)
		}
		_ = f.Close()
	}
	for _, n := range refused {
		f, err := open(d, n)
		if err != nil {
			continue
		}
		_ = f.Close()
		if n == outside {
			n = "an absolute name" // no message holds the temporary directory's path
		}
		return 0, fmt.Errorf("%w (%q, %s, was opened in the self-test)", errNotConfined, n, links)
	}
	return len(refused), nil
}

func mechanism(openat2 bool) string {
	if openat2 {
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
