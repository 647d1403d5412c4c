package hotcache

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
)

// sureOf warms the system's memory and says whether Now can be sure of a name here: not on every file system, and not
// where openat2 is refused.
func (b *bench) sureOf(name string) bool {
	b.Helper()
	if f, err := b.dir.OpenName(b.name(name)); err == nil {
		_ = f.Close()
	}
	g, sure, err := b.dir.Glance(b.name(name))
	if sure && err == nil {
		g.Close()
	}
	return sure
}

// looks is Now, with the content and what it knows. Where it is not sure, nothing may be known after it that was not
// before.
func (b *bench) looks(name string) (string, string) {
	b.Helper()
	l, sure, err := b.Now(b.dir, b.name(name))
	switch {
	case sure && l != nil && err == nil:
		return content(b, l), "loaded"
	case sure && l == nil && err != nil:
		return "", string(rootbound.ReasonOf(err))
	case !sure && l == nil && err == nil:
		return "", "unsure"
	}
	b.Fatalf("Now(%s) = %v, %v, %v", name, l, sure, err)
	return "", ""
}

// surely is looks, again where it was not sure and should be: while anybody renames anything on the file system, a look that
// may not wait can come to nothing.
func (b *bench) surely(name, want string) (got, how string) {
	b.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		if got, how = b.looks(name); how != "unsure" || want == how || time.Now().After(deadline) {
			return got, how
		}
		time.Sleep(time.Millisecond)
	}
}

// TestNow: a look that need not wait tells what there is, and keeps it for Check.
func TestNow(t *testing.T) {
	b := newBench(t, Config{})
	if !b.sureOf("f") {
		if _, how := b.looks("f"); how != "unsure" {
			t.Errorf("Now knows %s where Glance is not sure", how)
		}
		return
	}
	for _, step := range []struct {
		do        func()
		want, how string
		state     State
	}{
		{do: func() {}, how: "missing", state: Missing},
		{do: func() { b.replace("f", "first") }, want: "first", how: "loaded", state: Hit},
		{do: func() { b.write("f", "second") }, want: "second", how: "loaded", state: Hit},
		{do: func() { b.remove("f") }, how: "missing", state: Missing},
		{do: func() {}, how: "missing", state: Missing},
		{do: func() { b.write("f", string(make([]byte, maxNow+1))) }, how: "unsure", state: Stale},
	} {
		step.do()
		b.advance(DefaultCheck)
		b.sureOf("f")
		if got, how := b.surely("f", step.how); got != step.want || how != step.how {
			t.Errorf("Now = %q, %s; want %q, %s", got, how, step.want, step.how)
		}
		if got, state := b.get("f"); got != step.want || state != step.state {
			t.Errorf("Get after Now = %q, %d; want %q, %d", got, state, step.want, step.state)
		}
		b.sound()
	}
}

// TestNowConfirms: a file that is old and the same is not read again, and believed for another Check.
func TestNowConfirms(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "content")
	first, _, err := b.Open(context.Background(), b.dir, b.name("f"))
	if err != nil || !b.sureOf("f") {
		return
	}
	tick := time.NewTicker(50 * time.Millisecond) // only time makes a file old
	defer tick.Stop()
	l, last := first, (*rootbound.Loaded)(nil)
	for l != last {
		last = l
		<-tick.C
		b.advance(DefaultCheck)
		again, sure, err := b.Now(b.dir, b.name("f"))
		if err != nil {
			t.Fatalf("Now = %v, %v", again, err)
		}
		if !sure { // a rename elsewhere came in between
			last = nil
			continue
		}
		l = again
	}
	if l == first {
		t.Error("a young file was kept as it was")
	}
	b.advance(DefaultCheck * 7 / 8)
	if again, state, _ := b.Get(b.dir, b.name("f"), b.clock.now()); state != Due || again != l {
		t.Errorf("Get = %p, %d; want %p, due", again, state, l)
	}
}

// TestNowDuringForget: what was looked at before a write of ours is not kept after it. The control, of what was
// looked at after it, is.
func TestNowDuringForget(t *testing.T) {
	for name, after := range map[string]bool{"before": false, "after": true} {
		b := newBench(t, Config{})
		b.write("f", "content")
		if !b.sureOf("f") || !b.sureOf("none") {
			return
		}
		k, none := keyOf(b.dir, b.name("f")), keyOf(b.dir, b.name("none"))
		began, writes := b.clock.now(), b.writes.Load()
		b.Forget(b.dir, b.name("f"))
		if after {
			writes = b.writes.Load()
		}
		g, _, err := b.dir.Glance(b.name("f"))
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if l := b.loadNow(&g, k, began, writes); content(t, l) != "content" {
			t.Errorf("%s: nothing was loaded", name)
		}
		_, _, missing := b.dir.Glance(b.name("none"))
		if err := b.missedNow(none, began, writes, missing); rootbound.ReasonOf(err) != reason.Missing {
			t.Errorf("%s: %v", name, err)
		}
		_, state := b.get("f")
		_, stateNone := b.get("none")
		if kept := state == Hit && stateNone == Missing; kept != after || !after && (state != None || stateNone != None) {
			t.Errorf("%s: kept as %d and %d", name, state, stateNone)
		}
		b.sound()
	}
}

// TestNowAfterLaterLook: of two looks the later one stays, whichever ends first.
func TestNowAfterLaterLook(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "old")
	if !b.sureOf("f") {
		return
	}
	began, writes := b.clock.now(), b.writes.Load()
	g, _, err := b.dir.Glance(b.name("f"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	b.replace("f", "new")
	b.advance(1)
	if got, how := b.looks("f"); got != "new" {
		t.Errorf("Now = %q, %s", got, how)
	}
	b.loadNow(&g, keyOf(b.dir, b.name("f")), began, writes)
	if got, _ := b.get("f"); got != "new" {
		t.Errorf("Get = %q, which was looked at before the new one", got)
	}
	b.sound()
}

// TestNowWithoutCache: nothing is kept, and the rest is the same.
func TestNowWithoutCache(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "content")
	if !b.sureOf("f") || !b.sureOf("none") {
		return
	}
	b.Cache = nil
	if got, how := b.looks("f"); got != "content" {
		t.Errorf("Now = %q, %s", got, how)
	}
	if _, how := b.looks("none"); how != string(reason.Missing) {
		t.Errorf("Now of what is missing: %s", how)
	}
	if err := os.Truncate(filepath.Join(b.base, "f"), maxNow+1); err != nil {
		t.Fatal(err)
	}
	if _, how := b.looks("f"); how != "unsure" {
		t.Errorf("Now of a large file: %s", how)
	}
}

// TestNowOfClosed: a cache that was closed keeps nothing.
func TestNowOfClosed(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "content")
	if !b.sureOf("f") {
		return
	}
	b.Close()
	b.looks("f")
	b.looks("none")
	if s := b.Stats(); s.Files+s.Missing > 0 {
		t.Errorf("%+v", s)
	}
}
