package server

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestListingHoldsNobodyUp: while clients wait for the listing of a large directory, others have their files. With
// ROOTBOUND_SOAK=1 it has a million entries.
func TestListingHoldsNobodyUp(t *testing.T) {
	n := 10_000
	if os.Getenv("ROOTBOUND_SOAK") == "1" {
		n = 1_000_000
	}
	base := t.TempDir()
	if err := os.Mkdir(filepath.Join(base, "large"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(base, "large", fmt.Sprint("a file of many ", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, lane := range []string{"fast", "general"} {
		s := serve(t, nil, func(u *setup) {
			u.base = base
			plantFiles(t, base, map[string]string{"a.txt": "hello\n"})
			u.cfg.Listing, u.cfg.NoFastLane, u.cfg.Access = true, lane == "general", nil
		})
		// Each listing is of thousands of entries: whoever must wait for them is answered after all of them, every time.
		// How many files fit between them is the machine's affair, so one round that shows it is enough.
		const clients, rounds = 8, 20
		between := 0
		for round := 0; between < clients && round < rounds; round++ {
			between = answeredWhileListing(t, s, clients)
			t.Logf("%s: %d files were answered while %d directories of %d entries were listed", lane, between, clients, n)
		}
		if between < clients {
			t.Errorf("%s: never were %d files answered while %d directories were listed, in %d rounds", lane, clients, clients, rounds)
		}
	}
}

// answeredWhileListing returns how many files were answered one after the other while clients waited for listings.
func answeredWhileListing(t *testing.T, s *served, clients int) (between int) {
	t.Helper()
	listed := make(chan int, clients)
	for range clients {
		go func() {
			res, err := http.Get("http://" + s.addr + "/large/?sort=time")
			if err != nil {
				listed <- 0
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			listed <- res.StatusCode
		}()
	}
	for left := clients; left > 0; {
		a := s.get(t, "/a.txt")
		if a.Status != http.StatusOK {
			t.Fatalf("a.txt = %d while directories are listed", a.Status)
		}
		select {
		case status := <-listed:
			left--
			if status != http.StatusOK {
				t.Errorf("a listing = %d", status)
			}
		default:
			between++
		}
	}
	return between
}
