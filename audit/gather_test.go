package audit

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// Records of several goroutines that gather, and of one that does not, are one chain in which each request's two stand
// in their order.
func TestGather(t *testing.T) {
	const each = 500
	path := logPath(t)
	l := open(t, Config{Path: path})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			g := l.Gather()
			for n := range each {
				f := facts(t, fmt.Sprintf("g%d-%d", i, n), strings.Repeat("a", 1+n%300))
				if err := g.Decided(time.Now(), f, alice, request.Decision{Allowed: true}, nil); err != nil {
					t.Error(err)
				}
				g.Done(time.Now(), f, alice, request.Outcome{Status: 200, Bytes: 1, Result: request.Sent})
			}
			g.Flush()
			g.Flush() // nothing to say
		})
	}
	for n := range each {
		answer(t, l, fmt.Sprintf("direct-%d", n), "a")
	}
	wg.Wait()
	closeLog(t, l)
	if r := good(t, path, VerifyOptions{}); len(r.Open) != 0 || r.Lost != 0 {
		t.Errorf("%+v", r)
	}
	kinds := map[string]string{}
	err := Search(path, Query{}, func(r Record) error {
		kinds[r.ID] += string(r.Kind) + " "
		return nil
	})
	if err != nil || len(kinds) != 5*each {
		t.Errorf("%d requests, want %d: %v", len(kinds), 5*each, err)
	}
	for id, k := range kinds {
		if k != "decided done " {
			t.Errorf("%s: %s", id, k)
		}
	}
}

// What was gathered and finds no room is counted, record by record.
func TestGatherLost(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path})
	g := l.Gather()
	withoutRoom(l, func() {
		for range 3 {
			g.Done(time.Now(), facts(t, "x", "a"), alice, request.Outcome{})
		}
		g.Flush()
	})
	g.Done(time.Now(), facts(t, "y", "a"), alice, request.Outcome{})
	g.Flush()
	closeLog(t, l)
	if r := good(t, path, VerifyOptions{}); r.Lost != 3 {
		t.Errorf("%+v", r)
	}
	if s := l.Stats(); s.Lost != 3 {
		t.Errorf("%+v", s)
	}
}

// In required mode nothing is gathered: whoever sends something has waited for its record.
func TestGatherNotWhereRequired(t *testing.T) {
	l := open(t, Config{Path: logPath(t), Required: true})
	if g := l.Gather(); g != nil {
		t.Errorf("got %v", g)
	}
	closeLog(t, l)
}
