package rootbound

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
)

// raceSwaps is how many swaps each race sees at least, for each containment; ROOTBOUND_SOAK=1 makes it more.
func raceSwaps() int64 {
	if os.Getenv("ROOTBOUND_SOAK") == "1" {
		return 5_000_000
	}
	return 100_000
}

// swapper exchanges two names, over and over: renameat2(2) with RENAME_EXCHANGE, so that each always exists.
type swapper struct {
	a, b string
	n    atomic.Int64
	stop atomic.Bool
	wg   sync.WaitGroup
	err  atomic.Pointer[error]
}

func startSwapper(a, b string) *swapper {
	s := &swapper{a: a, b: b}
	s.wg.Go(func() {
		for !s.stop.Load() {
			if err := s.once(); err != nil {
				s.err.Store(&err)
				return
			}
			s.n.Add(1)
		}
	})
	return s
}

func (s *swapper) once() error {
	return unix.Renameat2(unix.AT_FDCWD, s.a, unix.AT_FDCWD, s.b, unix.RENAME_EXCHANGE)
}

func (s *swapper) end(t *testing.T) {
	s.stop.Store(true)
	s.wg.Wait()
	if err := s.err.Load(); err != nil {
		t.Errorf("swapper: %v", *err)
	}
}

// A race is two names that change places while a third is read.
//
//	reader                          attacker
//	Open("swap.txt")
//	  walk: swap.txt is a file
//	                                swap.txt <-> link (to ../outside/canary.txt)
//	  open: by the same name?       a check-then-open reads the canary
var races = []struct {
	name, a, b, read string
	entries          []string
}{
	{"file", "swap.txt", "link", "swap.txt", []string{"swap.txt=" + inside, "link => ../outside/canary.txt"}},
	{"abs-file", "swap.txt", "link", "swap.txt", []string{"swap.txt=" + inside, "link => OUT/canary.txt"}},
	{"dir", "dir", "link", "dir/canary.txt", []string{"dir/canary.txt=" + inside, "link => ../outside"}},
	{"abs-dir", "dir", "link", "dir/canary.txt", []string{"dir/canary.txt=" + inside, "link => OUT"}},
	{"parent", "a/dir", "a/link", "a/dir/sub/canary.txt", []string{"a/dir/sub/canary.txt=" + inside, "a/link => ../link2", "link2 => ../outside/"}},
	{"links", "good", "bad", "good/canary.txt", []string{"real/canary.txt=" + inside, "good => real", "bad => ../outside"}},
	{"abs-links", "good", "bad", "good/canary.txt", []string{"real/canary.txt=" + inside, "good => BASE/real", "bad => OUT"}},
	{"hidden", "swap.txt", "link", "swap.txt", []string{"swap.txt=" + inside, ".env=" + canary, "link => .env"}},
	{"dotdot", "x/dir", "link", "x/dir/l", []string{"x/dir/l => ../../plain.txt", "link/l => ../../../outside/canary.txt", "plain.txt=" + inside}},
}

func TestRace(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		var total int64
		for _, race := range races {
			t.Run(race.name, func(t *testing.T) {
				base := world(t, race.entries...)
				keepsDescriptors(t, func() {
					total += runRace(t, base, filepath.Join(base, race.a), filepath.Join(base, race.b), race.read, noOpenat2, raceSwaps()/int64(len(races))+1)
				})
				controlRace(t, base, filepath.Join(base, race.a), filepath.Join(base, race.b), race.read)
			})
		}
		t.Logf("%d swaps, no leak", total)
		fmt.Printf("note: race: %s: %d swaps, no leak\n", mechanism(useOpenat2(noOpenat2)), total)
		if total < raceSwaps() {
			t.Errorf("%d swaps, want at least %d", total, raceSwaps())
		}
	})
}

// runRace reads with both policies while the names are swapped at least want times.
func runRace(t *testing.T, base, a, b, read string, noOpenat2 bool, want int64) int64 {
	var served, refused atomic.Int64
	s := startSwapper(a, b)
	var readers sync.WaitGroup
	for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
		d, err := Open(base, Config{Symlinks: links, noOpenat2: noOpenat2})
		if err != nil {
			t.Fatal(err)
		}
		readers.Go(func() {
			defer d.Close()
			for i := 0; i < 200 || s.n.Load() < want && s.err.Load() == nil; i++ {
				switch got, why := answer(d, read); {
				case strings.Contains(got, canary):
					t.Errorf("%s: leak after %d swaps", links, s.n.Load())
					return
				case why == "":
					served.Add(1)
				default:
					refused.Add(1)
					if !expectedInRace(why) {
						t.Errorf("%s: refused as %q", links, why)
						return
					}
				}
				runtime.Gosched()
			}
		})
	}
	readers.Wait()
	s.end(t)
	if served.Load()+refused.Load() == 0 {
		t.Error("nobody read")
	}
	if s.n.Load()%2 == 1 { // back to how it was
		if err := s.once(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("note: race: the control: %d swaps, %d reads served, %d refused", s.n.Load(), served.Load(), refused.Load())
	return s.n.Load()
}

func expectedInRace(why Reason) bool {
	switch why {
	case reason.LinkRefused, reason.LinkEscape, reason.OpenedName, reason.OpenedUnknown, reason.Missing, reason.NotDirectory, reason.Busy, reason.LinkLoop:
		return true
	}
	return false
}

// controlRace is the check-then-open that the defence replaces: it resolves the name, compares, and opens by path. Alone
// it gives nothing away; with one swap between its check and its open it always does.
func controlRace(t *testing.T, base, a, b, read string) {
	t.Helper()
	swap := func() {
		if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
			t.Error(err)
		}
	}
	if got, err := checkThenOpen(base, read, func() {}); got != inside {
		t.Errorf("control alone = %q, %v; want %q", got, err, inside)
	}
	if got, err := checkThenOpen(base, read, swap); !strings.Contains(got, canary) {
		t.Errorf("control with a swap = %q, %v; want the canary", got, err)
	}
	if got, err := checkThenOpen(base, read, func() {}); strings.Contains(got, canary) {
		t.Errorf("control after the swap = %q, %v; its check does nothing", got, err)
	}
}

func checkThenOpen(base, name string, pause func()) (string, error) {
	path := filepath.Join(base, name)
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(real, base+"/") || strings.Contains(real, "/.") {
		return "", errors.New("escape")
	}
	pause()
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	return string(got), err
}

// TestRaceListing: a directory that is swapped for a link while it is listed, and between being opened and listed
// (CVE-2026-27139: os.Root asked for facts by path). No entry of the directory outside is yielded.
func TestRaceListing(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t, "dir/mine.txt="+inside, "dir/inside.txt="+inside, "link => ../outside")
		s := startSwapper(filepath.Join(base, "dir"), filepath.Join(base, "link"))
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		n, err := d.DirName("dir")
		if err != nil {
			t.Fatal(err)
		}
		listed := 0
		for i := 0; i < 500 || listed == 0 && s.err.Load() == nil; i++ {
			f, err := d.OpenName(n)
			if err != nil {
				continue
			}
			for e, err := range f.Entries() {
				switch {
				case err != nil:
				case e.Name.Last() == "canary.txt" || e.Size != int64(len(inside)):
					t.Errorf("listed %q of %d bytes, which is outside", e.Name, e.Size)
				default:
					listed++
				}
			}
			_ = f.Close()
		}
		s.end(t)
		t.Logf("note: race: listings: %d swaps, %d entries", s.n.Load(), listed)
	})
	base := world(t, "link => ../outside")
	if entries, err := os.ReadDir(filepath.Join(base, "link")); err != nil || entries[0].Name() != "canary.txt" {
		t.Errorf("control: %v, %v", entries, err)
	}
}
