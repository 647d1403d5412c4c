package hotcache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rootbound/rootbound"
)

// model is what a base directory holds, and held, and when it ended.
type model struct {
	b     *bench
	check time.Duration
	files map[string][]held
}

// held is one state of a name, until at, or still if that is 0.
type held struct {
	content string
	missing bool
	until   time.Duration
}

var modelNames = []string{"a", "b", "c", "d", "e", "f", "g", "h"}

func (m *model) now() time.Duration { return time.Duration(m.b.since.Load()) }

func (m *model) became(name string, h held) {
	states := m.files[name]
	states[len(states)-1].until = m.now()
	m.files[name] = append(states, h)
}

func (m *model) current(name string) held { return m.files[name][len(m.files[name])-1] }

// believed says whether a state may be told: it is the present one, or ended less than window ago.
func (m *model) believed(name string, h held, window time.Duration) bool {
	if now := m.current(name); now.content == h.content && now.missing == h.missing {
		return true
	}
	for _, old := range m.files[name] {
		if old.content == h.content && old.missing == h.missing && old.until > m.now()-window {
			return true
		}
	}
	return false
}

// forget makes the past of a name nobody's excuse.
func (m *model) forget(name string) { m.files[name] = []held{m.current(name)} }

// forgetMissing does so for all that was missing.
func (m *model) forgetMissing() {
	for name, states := range m.files {
		var kept []held
		for i, h := range states {
			if !h.missing || i == len(states)-1 {
				kept = append(kept, h)
			}
		}
		m.files[name] = kept
	}
}

// TestModel: whatever is done to the files and asked of the cache in whatever order, it tells nothing that did not hold
// within Check, Open tells what holds if it opened, and its sums are right and within Max.
func TestModel(t *testing.T) {
	b := newBench(t, Config{})
	serial := 0
	rapid.Check(t, func(rt *rapid.T) {
		for _, name := range append(modelNames, ".new") {
			_ = os.Remove(filepath.Join(b.base, name)) // of the run before
		}
		check := time.Duration(rapid.IntRange(1, 3000).Draw(rt, "check")) * time.Millisecond
		b.Cache = New(Config{Max: int64(rapid.IntRange(20<<10, 80<<10).Draw(rt, "max")), MaxFile: 6 << 10, Check: check, Now: b.clock.now})
		defer b.Close()
		m := &model{b: b, check: check, files: map[string][]held{}}
		for _, name := range modelNames {
			m.files[name] = []held{{missing: true}}
		}
		fresh := func() string {
			serial++
			size := rapid.IntRange(8, 8<<10).Draw(rt, "size")
			return strings.Repeat(fmt.Sprintf("%08d", serial), size/8)
		}
		names := rapid.SampledFrom(modelNames)
		rt.Repeat(map[string]func(*rapid.T){
			"replace": func(rt *rapid.T) { m.replace(names.Draw(rt, "name"), fresh()) },
			"rewrite": func(rt *rapid.T) { m.rewrite(names.Draw(rt, "name"), fresh()) },
			"remove":  func(rt *rapid.T) { m.remove(names.Draw(rt, "name")) },
			"upload":  func(rt *rapid.T) { m.upload(names.Draw(rt, "name"), fresh()) },
			"wait": func(rt *rapid.T) {
				b.advance(time.Duration(rapid.Int64Range(0, int64(check)*3/2).Draw(rt, "wait")))
			},
			"get":     func(rt *rapid.T) { m.get(rt, names.Draw(rt, "name")) },
			"open":    func(rt *rapid.T) { m.open(rt, names.Draw(rt, "name")) },
			"refresh": func(rt *rapid.T) { m.refresh(rt, names.Draw(rt, "name")) },
			"now":     func(rt *rapid.T) { m.look(rt, names.Draw(rt, "name")) },
			"": func(rt *rapid.T) {
				b.sound()
				if s := b.Stats(); s.Bytes > b.store.room+b.store.roomMiss+b.store.table {
					rt.Fatalf("%+v", s)
				}
			},
		})
	})
}

func (m *model) replace(name, content string) {
	m.b.replace(name, content)
	m.became(name, held{content: content})
}

func (m *model) rewrite(name, content string) {
	m.b.write(name, content)
	m.became(name, held{content: content})
}

func (m *model) remove(name string) {
	if m.current(name).missing {
		return
	}
	m.b.remove(name)
	m.became(name, held{missing: true})
}

func (m *model) upload(name, content string) {
	p, err := m.b.dir.Create(name, rootbound.CreateOptions{Overwrite: true})
	if err != nil {
		m.b.Fatal(err)
	}
	if _, err := p.Write([]byte(content)); err != nil {
		m.b.Fatal(err)
	}
	if err := p.Commit(); err != nil {
		m.b.Fatal(err)
	}
	m.b.Forget(m.b.dir, p.Name())
	m.became(name, held{content: content})
	m.forget(name)
	m.forgetMissing()
}

func (m *model) get(rt *rapid.T, name string) {
	content, state := m.b.get(name)
	switch state {
	case Hit, Due:
		if !m.believed(name, held{content: content}, m.check) {
			rt.Fatalf("Get(%s) = %.20q, which is over", name, content)
		}
	case Missing:
		if !m.believed(name, held{missing: true}, min(m.check, missTime)) {
			rt.Fatalf("Get(%s): missing, which is over", name)
		}
	}
}

func (m *model) open(rt *rapid.T, name string) {
	_, state := m.b.get(name)
	content, how := m.b.open(name)
	now := m.current(name)
	switch {
	case how == "file" && !now.missing && int64(len(now.content)) > m.b.maxFile && (state == None || state == Stale):
	case how == "file" && state != Hit && !now.missing: // no room
	case (state == None || state == Stale) && (how == "missing") != now.missing:
		rt.Fatalf("Open(%s) = %s, and it is missing: %v", name, how, now.missing)
	case (state == None || state == Stale) && content != now.content:
		rt.Fatalf("Open(%s) = %.20q, want %.20q", name, content, now.content)
	case how == "missing" && !m.believed(name, held{missing: true}, min(m.check, missTime)),
		how == "loaded" && !m.believed(name, held{content: content}, m.check):
		rt.Fatalf("Open(%s) = %.20q %s, which is over", name, content, how)
	}
}

func (m *model) refresh(rt *rapid.T, name string) {
	m.b.Refresh(m.b.dir, m.b.name(name))
	content, state := m.b.get(name)
	now := m.current(name)
	if state == Stale || (state == Missing) != now.missing || state == Hit && content != now.content {
		rt.Fatalf("Get(%s) after Refresh = %.20q %d, want %.20q, missing %v", name, content, state, now.content, now.missing)
	}
}

// look is Now: where it is sure, it is so at this moment.
func (m *model) look(rt *rapid.T, name string) {
	l, sure, err := m.b.Now(m.b.dir, m.b.name(name))
	now := m.current(name)
	if sure && ((err != nil) != now.missing || l != nil && content(m.b, l) != now.content) {
		rt.Fatalf("Now(%s) = %.20q, %v; want %.20q, missing %v", name, content(m.b, l), err, now.content, now.missing)
	}
}
