package server

import (
	"context"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/link"
	"github.com/rootbound/rootbound/store"
)

// careless is a store that looks and then marks, as one without transactions would.
type careless struct {
	*store.Store
	both sync.WaitGroup // so that each looks before any marks
	used atomic.Int64
}

func (c *careless) UseLink(context.Context, string, string, string, time.Time) (bool, int, error) {
	n := c.used.Load()
	c.both.Done()
	c.both.Wait()
	if n > 0 {
		return false, int(n), state.ErrSpent
	}
	c.used.Store(n + 1)
	return true, 1, nil
}

// raceFor asks two replicas for the same at the same moment, and says how often it was given.
func raceFor(target string, replicas ...*served) (given int) {
	var got atomic.Int64
	var both sync.WaitGroup
	for _, s := range replicas {
		both.Go(func() {
			c := &attack.Client{Addr: s.addr}
			defer func() { _ = c.Close() }()
			if answer, err := c.Do("GET", target); err == nil && answer.Status == 200 && string(answer.Body) == "notes" {
				got.Add(1)
			}
		})
	}
	both.Wait()
	return int(got.Load())
}

// Two replicas that are asked at the same moment: one gives the file. The control looks before it marks, and both give it.
func TestReplicasRaceForAUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	one, two := counting(t, false, runRegister(t, openStore(t, path))), counting(t, true, runRegister(t, openStore(t, path)))
	for i := range 50 {
		if given := raceFor(named(t, "race"+strconv.Itoa(i), link.Link{Path: "notes.txt", Uses: 1}), one, two); given != 1 {
			t.Fatalf("race %d: given %d times", i, given)
		}
	}
	twin := &careless{Store: openStore(t, path)}
	twin.both.Add(2)
	a, b := counting(t, false, runRegister(t, twin)), counting(t, true, runRegister(t, twin))
	if given := raceFor(named(t, "control", link.Link{Path: "notes.txt", Uses: 1}), a, b); given != 2 {
		t.Errorf("the control gave it %d times: it must leak", given)
	}
}

// What is taken back on one replica is refused on the other soon; here at once.
func TestRevokedElsewhere(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		path := filepath.Join(t.TempDir(), "state.db")
		st := openStore(t, path)
		here := runRegister(t, st)
		s, elsewhere := counting(t, off, here), counting(t, off, runRegister(t, openStore(t, path)))
		target := named(t, "taken-back", link.Link{Path: "reports", Dir: true})
		kept := named(t, "kept", link.Link{Path: "reports", Dir: true})
		for _, replica := range []*served{s, elsewhere} {
			if a := replica.get(t, target); a.Status != 200 {
				t.Fatalf("before: %d", a.Status)
			}
		}
		await(t, "the link to be listed once it was seen", func() bool {
			all, err := st.Links(t.Context(), "")
			return err == nil && len(all) == 1 && all[0].ID == "taken-back" && all[0].Path == "reports" && all[0].Dir
		})
		if err := st.RevokeLink(t.Context(), "k1", "taken-back"); err != nil {
			t.Fatal(err)
		}
		here.Refresh(t.Context())
		if a := s.get(t, target); a.Status != 404 {
			t.Errorf("here: %d", a.Status)
		}
		await(t, "the other replica to refuse it", func() bool { return elsewhere.get(t, target).Status == 404 })
		elsewhere.logs(t, "reason=link-revoked")
		if a := elsewhere.get(t, kept); a.Status != 200 {
			t.Errorf("another link: %d", a.Status)
		}
	})
}
