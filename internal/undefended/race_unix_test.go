//go:build unix

package undefended_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rootbound/rootbound/internal/attack/plant"
	"github.com/rootbound/rootbound/internal/undefended"
)

// The race, without luck:
//
//	twin                            attacker
//	resolve swap.txt: inside
//	                                rename a link to ../canary.txt over it
//	open swap.txt, by path: the canary
func TestCheckThenOpen(t *testing.T) {
	l := plant.New(t)
	name := "swap.txt"
	p := filepath.Join(l.Base, name)
	reset := func() {
		t.Helper()
		_ = os.Remove(p) // missing the first time
		if err := os.WriteFile(p, []byte(l.Body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	swap := func() {
		if err := os.Symlink("../canary.txt", p+".link"); err != nil {
			t.Error(err)
		}
		if err := os.Rename(p+".link", p); err != nil {
			t.Error(err)
		}
	}
	reset()
	body, err := undefended.CheckThenOpen{}.Read(l.Base, name)
	if err != nil || string(body) != l.Body {
		t.Errorf("without a swap: %q, %v", body, err)
	}
	body, err = undefended.CheckThenOpen{Pause: swap}.Read(l.Base, name)
	if _, ok := l.Leaks(body); !ok {
		t.Errorf("with a swap: no leak, but %q, %v", body, err)
	}
	reset()
	body, err = undefended.CheckThenOpen{Pause: swap}.Twin().Answer(l.Base, "/"+name)
	if _, ok := l.Leaks(body); !ok {
		t.Errorf("as a twin: no leak, but %q, %v", body, err)
	}
	if _, err = (undefended.CheckThenOpen{}).Read(l.Base, name); err == nil {
		t.Error("the link left behind is answered")
	}
}

func TestCheckThenOpenDirectory(t *testing.T) {
	l := plant.New(t)
	dir := filepath.Join(l.Base, "swapped")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "canary.txt"), []byte(l.Body), 0o644); err != nil {
		t.Fatal(err)
	}
	swap := func() {
		if err := os.Rename(dir, dir+".old"); err != nil {
			t.Error(err)
		}
		if err := os.Symlink("..", dir); err != nil {
			t.Error(err)
		}
	}
	body, err := undefended.CheckThenOpen{Pause: swap}.Read(l.Base, "swapped/canary.txt")
	if _, ok := l.Leaks(body); !ok {
		t.Errorf("no leak, but %q, %v", body, err)
	}
}

// TestFIFO is the control of the class special: a twin opens the FIFO and waits for whoever writes.
func TestFIFO(t *testing.T) {
	l, _ := plant.Links(t, plant.New(t))
	fed := make(chan error, 1)
	go func() {
		// Opening for writing waits for a reader: only a twin that really opens lets this pass.
		f, err := os.OpenFile(filepath.Join(l.Base, "links", "fifo.txt"), os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(l.Canaries[0].Token)
			err = errors.Join(err, f.Close())
		}
		fed <- err
	}()
	body, err := undefended.ByName("follow-links").Read(l.Base, "links/fifo.txt")
	if _, ok := l.Leaks(body); !ok {
		t.Errorf("follow-links read %q, %v", body, err)
	}
	if err := <-fed; err != nil {
		t.Error(err)
	}
}
