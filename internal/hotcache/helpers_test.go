package hotcache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is moved by hand.
type clock struct{ since atomic.Int64 }

var start = time.Unix(1e9, 0)

func (c *clock) now() time.Time          { return start.Add(time.Duration(c.since.Load())) }
func (c *clock) advance(d time.Duration) { c.since.Add(int64(d)) }

// bench is a base directory, its Dir, and a cache with a clock of its own.
type bench struct {
	testing.TB
	*clock
	*Cache
	base string
	dir  *rootbound.Dir
}

func newBench(t testing.TB, cfg Config) *bench {
	t.Helper()
	b := &bench{TB: t, clock: &clock{}, base: t.TempDir()}
	cfg.Now = b.clock.now
	b.Cache = New(cfg)
	t.Cleanup(b.Cache.Close)
	b.dir = openDir(t, b.base, rootbound.Config{Writable: true})
	return b
}

func openDir(t testing.TB, base string, cfg rootbound.Config) *rootbound.Dir {
	t.Helper()
	d, err := rootbound.Open(base, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// write puts content into a file in place, replace gives its name to a new one.
func (b *bench) write(name, content string) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(b.base, name), []byte(content), 0o644); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) replace(name, content string) {
	b.Helper()
	b.write(".new", content)
	if err := os.Rename(filepath.Join(b.base, ".new"), filepath.Join(b.base, name)); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) remove(name string) {
	b.Helper()
	if err := os.Remove(filepath.Join(b.base, name)); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) name(text string) rootbound.Name {
	b.Helper()
	n, err := b.dir.Name(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// get is Get now, with the content.
func (b *bench) get(name string) (string, State) {
	b.Helper()
	l, state, err := b.Get(b.dir, b.name(name), b.clock.now())
	if (l != nil) != (state == Hit || state == Due) || (err != nil) != (state == Missing) {
		b.Errorf("Get(%s) = %v, %d, %v", name, l, state, err)
	}
	return content(b, l), state
}

// open is Open, with the content, and how it came.
func (b *bench) open(name string) (string, string) {
	b.Helper()
	l, f, err := b.Open(context.Background(), b.dir, b.name(name))
	switch {
	case l != nil && f == nil && err == nil:
		return content(b, l), "loaded"
	case l == nil && f != nil && err == nil:
		_ = f.Close()
		return "", "file"
	case l == nil && f == nil && err != nil:
		return "", string(rootbound.ReasonOf(err))
	}
	b.Fatalf("Open(%s) = %v, %v, %v", name, l, f, err)
	return "", ""
}

// fill opens each of the files, which are made for that, through each of so many Dirs: as many entries.
func (b *bench) fill(files, dirs int, content string) func() {
	b.Helper()
	var opened []*rootbound.Dir
	for range dirs {
		opened = append(opened, openDir(b, b.base, rootbound.Config{}))
	}
	for i := range files {
		b.write(fmt.Sprint("f", i), content)
	}
	return func() {
		for i := range files {
			for _, d := range opened {
				_, f, err := b.Open(context.Background(), d, b.name(fmt.Sprint("f", i)))
				if f != nil {
					_ = f.Close()
				}
				if _, _, missing := b.Open(context.Background(), d, b.name(fmt.Sprint("missing", i))); err != nil || missing == nil {
					b.Fatal(err, missing)
				}
			}
		}
	}
}

// content is what a GET of it would bring.
func content(t testing.TB, l *rootbound.Loaded) string {
	t.Helper()
	if l == nil {
		return ""
	}
	a, err := l.Answer(&plan.Request{Method: "GET"}, &rootbound.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pieces, all := a.Buffers(nil)
	if !all {
		t.Fatal("not all of the content is in memory")
	}
	var s strings.Builder
	for _, p := range pieces {
		s.Write(p)
	}
	return s.String()
}
