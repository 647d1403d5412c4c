package inspect

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/tree"
)

func TestWatch(t *testing.T) {
	base := tree.Make(t, t.TempDir(), "a.bak=x", "b.bak=x")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	changes := make(chan Change)
	done := make(chan error, 1)
	go func() {
		done <- Watch(ctx, base, Config{}, time.Millisecond, func(c Change) error { changes <- c; return nil })
	}()
	next := func() Change {
		t.Helper()
		select {
		case c := <-changes:
			return c
		case err := <-done:
			t.Fatalf("Watch ended: %v", err)
		}
		return Change{}
	}
	first := next()
	names := map[string]bool{}
	for _, f := range first.New {
		names[f.Place.Path] = true
	}
	if !names["a.bak"] || !names["b.bak"] || len(first.Gone) > 0 {
		t.Errorf("the first look: %+v", first)
	}
	tree.Make(t, base, "c.bak=x")
	if c := next(); len(c.New) != 1 || c.New[0].Place.Path != "c.bak" || len(c.Gone) != 0 {
		t.Errorf("after one came: %+v", c)
	}
	if err := os.Remove(filepath.Join(base, "a.bak")); err != nil {
		t.Fatal(err)
	}
	if c := next(); len(c.Gone) != 1 || c.Gone[0].Place != "a.bak" || len(c.New) != 0 {
		t.Errorf("after one went: %+v", c)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
}

func TestWatchEnds(t *testing.T) {
	base := t.TempDir()
	stop := errors.New("enough")
	if err := Watch(context.Background(), base, Config{}, time.Hour, func(Change) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Watch = %v, want what changed gave", err)
	}
	if err := Watch(context.Background(), filepath.Join(base, "missing"), Config{}, time.Hour, nil); err == nil {
		t.Error("Watch of nothing gave no error")
	}
}
