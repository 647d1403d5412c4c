package probe

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rootbound/rootbound/internal/finding"
)

// raceRequests bounds a race, as time does.
const raceRequests = 20_000

// race asks for a name while it is swapped between a file and a link that leads outside. A server that checks a path and opens
// it again follows the link now and then.
func (r *run) race(ctx context.Context) {
	if r.config.Race == "" {
		return
	}
	rel, err := filepath.Rel(r.config.Base, r.config.Race)
	if err != nil || len(r.garden.levels) == 0 || r.garden.levels[0] != 1 {
		r.note("no race: no canary could be planted beside the base directory")
		return
	}
	if r.leaksBy("link-file") {
		r.note("no race: links are followed without one")
		return
	}
	rel = filepath.ToSlash(rel)
	if rel = strings.TrimPrefix(rel+"/", "./"); rel == "/" {
		rel = ""
	}
	r.begin("a race", raceRequests)
	first, ok := r.raceFor(ctx, rel, "a")
	if !ok {
		return
	}
	for _, which := range []string{"b", "a"} {
		if _, again := r.raceFor(ctx, rel, which); again {
			r.hit(hitKey{finding.CheckThenOpen, "race", first.answer.proto}, first)
			return
		}
	}
	r.note("a race was won once, and then not again: run the probe once more before you trust the server")
}

// raceFor swaps and asks until the canary is in an answer.
func (r *run) raceFor(ctx context.Context, rel, which string) (evidence, bool) {
	dir, err := os.OpenRoot(r.config.Race)
	if err != nil {
		r.note("no race: %v", bare(err))
		return evidence{}, false
	}
	defer dir.Close()
	s := &swapper{dir: dir, name: r.garden.names.raced + "-" + which + ".txt", spare: r.garden.names.raced + "-" + which + ".new"}
	for _, it := range r.garden.journal.Planted {
		if it.Kind == kindLink && it.Path == filepath.Join(r.config.Race, s.name) {
			s.target = it.Text
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.config.RaceTime)
	defer cancel()
	if err := s.put(false); err != nil {
		r.note("no race: nothing can be planted in %s (%s)", r.config.Race, bare(err))
		return evidence{}, false
	}
	t := attempt{Case: plainCase(rel + s.name)}
	t.Class, t.Name, t.file = "race", "race.file", map[string]string{"a": r.garden.names.a, "b": r.garden.names.b}[which]
	if a := r.once(ctx, t); a == nil || a.status != 200 || !bytes.Contains(a.body, []byte(racedBody)) {
		r.note("the race says nothing: the file that would be swapped is not served")
		s.remove()
		return evidence{}, false
	}
	var swapping sync.WaitGroup
	swapping.Go(func() { s.swap(ctx) })
	var mu sync.Mutex
	var won *answer
	how := ""
	r.parallel(ctx, raceRequests, r.target.http1, func(x exchanger, _ int) {
		a, err := r.ask(ctx, x, t)
		if err != nil || a == nil {
			return
		}
		found, leaks := r.leaks(t, a)
		mu.Lock()
		defer mu.Unlock()
		if leaks && won == nil {
			won, how = a, found
			cancel()
		}
	})
	cancel()
	swapping.Wait()
	s.remove()
	return evidence{attempt: t, answer: won, how: how + ", while the name was a file and a link in turn"}, won != nil
}

// once asks over a connection of its own, and returns nil where nothing comes back.
func (r *run) once(ctx context.Context, t attempt) *answer {
	x := r.target.http1()
	defer x.close()
	a, err := r.ask(ctx, x, t)
	if err != nil {
		return nil
	}
	return a
}

// swapper makes one name a file and a link in turn, each time at once.
type swapper struct {
	dir                 *os.Root
	name, spare, target string
}

// put makes the spare what is wanted and renames it onto the name.
func (s *swapper) put(link bool) error {
	if link {
		if err := s.dir.Symlink(s.target, s.spare); err != nil {
			return err
		}
		return s.dir.Rename(s.spare, s.name)
	}
	f, err := s.dir.OpenFile(s.spare, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(racedBody); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return s.dir.Rename(s.spare, s.name)
}

func (s *swapper) swap(ctx context.Context) {
	for link := true; ctx.Err() == nil; link = !link {
		if s.put(link) != nil {
			_ = s.dir.Remove(s.spare) // a rest of a failed step; the next one says whether it mattered
		}
	}
}

func (s *swapper) remove() {
	_ = s.dir.Remove(s.spare) // what stays is removed by the journal
	_ = s.dir.Remove(s.name)
}
