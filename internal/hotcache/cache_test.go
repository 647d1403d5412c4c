package hotcache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
)

// TestChanges: whatever becomes of a file is seen when Check is over, and not forgotten before. The control believes
// an entry for a year, and serves what is gone.
func TestChanges(t *testing.T) {
	tests := []struct {
		name    string
		change  func(b *bench)
		content string
		how     string
	}{
		{"untouched", func(*bench) {}, "first", "loaded"},
		{"replaced", func(b *bench) { b.replace("f", "other") }, "other", "loaded"},
		{"rewritten", func(b *bench) { b.write("f", "SECOND") }, "SECOND", "loaded"},
		{"truncated", func(b *bench) { b.write("f", "") }, "", "loaded"},
		{"removed", func(b *bench) { b.remove("f") }, "", "missing"},
		{"too large now", func(b *bench) { b.write("f", strings.Repeat("x", 5000)) }, "", "file"},
		{"a directory now", func(b *bench) {
			b.remove("f")
			if err := os.Mkdir(filepath.Join(b.base, "f"), 0o755); err != nil {
				b.Fatal(err)
			}
		}, "", "file"},
		{"a link now", func(b *bench) {
			b.remove("f")
			if err := os.Symlink("g", filepath.Join(b.base, "f")); err != nil {
				b.Fatal(err)
			}
		}, "", "link-refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, Config{MaxFile: 4096})
			control := New(Config{MaxFile: 4096, Check: 365 * 24 * time.Hour, Now: b.clock.now})
			b.write("f", "first")
			if _, state := b.get("f"); state != None {
				t.Errorf("Get of an empty cache: %d", state)
			}
			if got, how := b.open("f"); got != "first" || how != "loaded" {
				t.Fatalf("Open = %q %s", got, how)
			}
			if _, _, err := control.Open(context.Background(), b.dir, b.name("f")); err != nil {
				t.Fatal(err)
			}
			tt.change(b)
			b.advance(DefaultCheck - 1)
			if got, state := b.get("f"); got != "first" || state != Due {
				t.Errorf("Get just before Check = %q %d, want the first", got, state)
			}
			b.advance(1)
			if got, state := b.get("f"); state != Stale {
				t.Errorf("Get after Check = %q %d, want Stale", got, state)
			}
			if got, how := b.open("f"); got != tt.content || how != tt.how {
				t.Errorf("Open after Check = %q %s, want %q %s", got, how, tt.content, tt.how)
			}
			got, state := b.get("f")
			want := map[string]State{"loaded": Hit, "file": None}[tt.how]
			if want == None && tt.how != "file" {
				want = Missing
			}
			if got != tt.content || state != want {
				t.Errorf("Get afterwards = %q %d, want %q %d", got, state, tt.content, want)
			}
			l, _, _ := control.Get(b.dir, b.name("f"), b.clock.now())
			if got := content(t, l); got != "first" {
				t.Errorf("the control serves %q", got)
			}
		})
	}
}

// TestMissing: what is missing is remembered with its reason, for a second however long Check is, and a shortage is not.
func TestMissing(t *testing.T) {
	b := newBench(t, Config{Check: time.Minute})
	if err := os.Symlink("/etc", filepath.Join(b.base, "link")); err != nil {
		t.Fatal(err)
	}
	b.write("f", "file")
	for name, want := range map[string]rootbound.Reason{
		"none": reason.Missing, "link": reason.LinkRefused, "link/passwd": reason.LinkRefused, "f/none": reason.NotDirectory,
	} {
		_, _, opened := b.Open(context.Background(), b.dir, b.name(name))
		_, state, err := b.Get(b.dir, b.name(name), b.clock.now())
		if state != Missing || rootbound.ReasonOf(err) != want || err.Error() != opened.Error() || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%s) = %d, %v, want %v", name, state, err, opened)
		}
	}
	b.advance(time.Second - 1)
	if _, state := b.get("none"); state != Missing {
		t.Errorf("before a second: %d", state)
	}
	b.advance(1)
	if _, state := b.get("none"); state != Stale {
		t.Errorf("after a second: %d", state)
	}
	b.write("none", "now")
	if got, _ := b.open("none"); got != "now" {
		t.Errorf("Open = %q", got)
	}
	if err := b.dir.Close(); err != nil {
		t.Fatal(err)
	}
	b.advance(time.Minute)
	for _, n := range []string{"none", "other"} {
		if _, how := b.open(n); how != string(reason.Closed) {
			t.Errorf("Open of a closed Dir = %s", how)
		}
		if _, state := b.get(n); state == Missing || state == Hit {
			t.Errorf("a shortage was remembered: %d", state)
		}
	}
}

// TestCommitIsSeen: our own write drops what was remembered, the missing name and the file it replaces. The control does
// not say that it wrote, and gets the old word.
func TestCommitIsSeen(t *testing.T) {
	for _, forget := range []bool{true, false} {
		b := newBench(t, Config{})
		b.write("there", "old")
		b.open("there")
		b.open("new")
		b.open("alias") // a name that the same write could have made
		for _, name := range []string{"new", "there"} {
			p, err := b.dir.Create(name, rootbound.CreateOptions{Overwrite: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Write([]byte("uploaded")); err != nil {
				t.Fatal(err)
			}
			if err := p.Commit(); err != nil {
				t.Fatal(err)
			}
			if forget {
				b.Forget(b.dir, p.Name())
			}
		}
		for _, name := range []string{"new", "there", "alias"} {
			if _, state := b.get(name); (state == None) != forget {
				t.Errorf("forget %v: Get(%s) says %d", forget, name, state)
			}
		}
		got, _ := b.open("new")
		there, _ := b.open("there")
		if (got == "uploaded" && there == "uploaded") != forget {
			t.Errorf("forget %v: Open = %q, %q", forget, got, there)
		}
	}
}

// TestKeys: two Dirs, and a name with and without its final slash, are different.
func TestKeys(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "file")
	b.open("f")
	other := openDir(t, b.base, rootbound.Config{})
	if _, state, _ := b.Get(other, b.name("f"), b.clock.now()); state != None {
		t.Errorf("another Dir: %d", state)
	}
	asDir, err := b.dir.DirName("f")
	if err != nil {
		t.Fatal(err)
	}
	if _, state, _ := b.Get(b.dir, asDir, b.clock.now()); state != None {
		t.Errorf("asked for as a directory: %d", state)
	}
	if _, _, err := b.Open(context.Background(), b.dir, asDir); rootbound.ReasonOf(err) != reason.NotDirectory {
		t.Errorf("opened as a directory: %v", err)
	}
	if got, state := b.get("f"); got != "file" || state != Hit {
		t.Errorf("Get = %q %d", got, state)
	}
	if _, state, _ := b.Get(b.dir, rootbound.Name{}, b.clock.now()); state != None {
		t.Errorf("no name: %d", state)
	}
	if _, _, err := b.Open(context.Background(), b.dir, rootbound.Name{}); !errors.Is(err, rootbound.ErrMalformed) {
		t.Errorf("no name: %v", err)
	}
}

// TestRules: another Dir's laxer rules do not get at what these rules refuse, and the refusal is not kept.
func TestRules(t *testing.T) {
	b := newBench(t, Config{})
	b.write(".hidden", "secret")
	lax := openDir(t, b.base, rootbound.Config{AllowHidden: true})
	n, err := lax.Name(".hidden")
	if err != nil {
		t.Fatal(err)
	}
	if l, _, err := b.Open(context.Background(), lax, n); err != nil || content(t, l) != "secret" {
		t.Fatalf("the control gives %v, %v", l, err)
	}
	for range 2 {
		if _, state, _ := b.Get(b.dir, n, b.clock.now()); state != None {
			t.Errorf("Get: %d", state)
		}
		if _, _, err := b.Open(context.Background(), b.dir, n); !errors.Is(err, rootbound.ErrRefused) {
			t.Errorf("Open: %v", err)
		}
	}
}

// TestDue: one caller is told, and Refresh is what he should do.
func TestDue(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "first")
	b.open("f")
	b.advance(DefaultCheck * 3 / 4)
	b.open("f") // a worker's call is not told
	for i, want := range []State{Due, Hit, Hit} {
		if got, state := b.get("f"); got != "first" || state != want {
			t.Errorf("Get %d = %q %d, want %d", i, got, state, want)
		}
	}
	b.replace("f", "second")
	b.Refresh(b.dir, b.name("f"))
	if got, state := b.get("f"); got != "second" || state != Hit {
		t.Errorf("after Refresh: %q %d", got, state)
	}
	b.advance(DefaultCheck - 1)
	if _, state := b.get("f"); state != Due {
		t.Errorf("not due again: %d", state)
	}
	b.remove("f")
	b.Refresh(b.dir, b.name("f"))
	if _, state := b.get("f"); state != Missing {
		t.Errorf("Refresh of what is gone: %d", state)
	}
}

// TestNil: without a cache everything is opened.
func TestNil(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "file")
	closed := b.Cache
	closed.Close()
	for _, c := range []*Cache{nil, closed} {
		b.Cache = c
		for range 2 {
			if _, state := b.get("f"); state != None {
				t.Errorf("Get: %d", state)
			}
			if _, how := b.open("f"); how != "file" {
				t.Errorf("Open: %s", how)
			}
			if _, how := b.open("none"); how != "missing" {
				t.Errorf("Open: %s", how)
			}
		}
		b.Forget(b.dir, b.name("f"))
		b.Refresh(b.dir, b.name("f"))
		if s := b.Stats(); s.Files != 0 || s.Missing != 0 {
			t.Errorf("Stats %+v", s)
		}
	}
	closed.Close()
}

// TestKeepsNoRequest: what is kept does not hold on to the memory the name was cut from.
func TestKeepsNoRequest(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f.txt", "file")
	for _, text := range []string{"f.txt", "none"} {
		request := "GET /" + text + " HTTP/1.1" + strings.Repeat("x", 1<<12)
		n := b.name(request[5 : 5+len(text)])
		b.Open(context.Background(), b.dir, n)
		_, _, _ = b.Get(b.dir, n, b.clock.now())
		k := keyOf(b.dir, n)
		e := b.store.entries[k]
		kept := []string{e.key.text}
		for key := range b.store.entries {
			kept = append(kept, key.text)
		}
		if e.loaded != nil {
			kept = append(kept, e.loaded.Name().String())
		}
		var pe *fs.PathError
		if errors.As(e.err, &pe) {
			kept = append(kept, pe.Path)
		}
		for _, s := range kept {
			if at := uintptr(unsafe.Pointer(unsafe.StringData(s))); at-uintptr(unsafe.Pointer(unsafe.StringData(request))) < uintptr(len(request)) {
				t.Errorf("%q is part of the request", s)
			}
		}
	}
}

func BenchmarkGet(b *testing.B) {
	t := newBench(b, Config{})
	t.write("f", "file")
	t.open("f")
	t.open("none")
	for _, name := range []string{"f", "none"} {
		n, now := t.name(name), t.clock.now()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, state, _ := t.Get(t.dir, n, now); state == None || state == Stale {
					b.Fatal(state)
				}
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					t.Get(t.dir, n, now)
				}
			})
		})
	}
}

// TestGetAllocatesNothing: on no path.
func TestGetAllocatesNothing(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "file")
	b.open("f")
	b.open("none")
	for _, name := range []string{"f", "none", "unknown"} {
		n, now := b.name(name), b.clock.now()
		if got := testing.AllocsPerRun(100, func() { _, _, _ = b.Get(b.dir, n, now) }); got != 0 {
			t.Errorf("Get(%s): %v allocations", name, got)
		}
	}
}
