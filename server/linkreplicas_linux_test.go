package server

import (
	"strconv"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/link"
)

// Replicas that share a real PostgreSQL give a one-time link once, whoever is asked first. While it is gone what is counted is
// refused, and by the server's own fault; what is not goes on, as long as it may; and all recovers by itself.
func TestReplicasOnPostgres(t *testing.T) {
	pg := testenv.Postgres(t)
	dsn := pg.Database(t)
	one, two := counting(t, false, runRegister(t, openStore(t, dsn))), counting(t, true, runRegister(t, openStore(t, pg.TCP(dsn))))
	for i := range 50 {
		if given := raceFor(named(t, "race"+strconv.Itoa(i), link.Link{Path: "notes.txt", Uses: 1}), one, two); given != 1 {
			t.Fatalf("race %d: given %d times", i, given)
		}
	}
	counted, plain := named(t, "counted", link.Link{Path: "notes.txt", Uses: link.MaxUses}), named(t, "plain", link.Link{Path: "notes.txt"})
	for _, s := range []*served{one, two} {
		for _, target := range []string{counted, plain} {
			if a := s.get(t, target); a.Status != 200 {
				t.Fatalf("before: %d", a.Status)
			}
		}
	}
	pg.Kill()
	for _, s := range []*served{one, two} {
		if a := s.get(t, plain); a.Status != 200 {
			t.Errorf("a plain link, a moment after the state is gone: %d", a.Status)
		}
		if a := s.get(t, counted); a.Status != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("a counted link while the state is gone: %d %v", a.Status, a.Header)
		}
	}
	pg.Start(t)
	for _, s := range []*served{one, two} {
		await(t, "the replica to find the state again", func() bool { return s.get(t, counted).Status == 200 })
	}
}
