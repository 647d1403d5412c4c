package attack_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/attack/plant"
)

func TestPlantLinks(t *testing.T) {
	before := plant.New(t)
	l, links := plant.Links(t, before)
	if len(l.Canaries) <= len(before.Canaries) {
		t.Errorf("%d canaries with links, %d without", len(l.Canaries), len(before.Canaries))
	}
	ids := map[string]bool{}
	for _, link := range links {
		if ids[link.ID] {
			t.Errorf("two links have the id %s", link.ID)
		}
		ids[link.ID] = true
		p := filepath.Join(l.Base, filepath.FromSlash(strings.TrimRight(link.Name, "/.")))
		// Names through a loop or a link to nothing have no entry of their own.
		if _, err := os.Lstat(p); err != nil && link.Class != "link-loop" {
			t.Errorf("%s: %v", link.Name, err)
		}
		if link.RefusedWithin && !link.Refused {
			t.Errorf("%s: refused where links are allowed and not where they are refused", link.ID)
		}
		if link.Served == "" {
			continue
		}
		if body, err := os.ReadFile(p); err != nil || string(body) != link.Served {
			t.Errorf("%s holds %q (%v), want %q", link.Name, body, err, link.Served)
		}
	}
}

func TestPlantLinksKinds(t *testing.T) {
	l, _ := plant.Links(t, plant.New(t))
	for name, want := range map[string]fs.FileMode{
		"rel.txt": fs.ModeSymlink, "dir": fs.ModeSymlink, "self": fs.ModeSymlink, "page.txt.gz": fs.ModeSymlink,
		"fifo.txt": fs.ModeNamedPipe, "socket.txt": fs.ModeSocket, "page.txt": 0, "hard.txt": 0,
	} {
		fi, err := os.Lstat(filepath.Join(l.Base, "links", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := fi.Mode().Type(); got != want {
			t.Errorf("%s has type %v, want %v", name, got, want)
		}
	}
}
