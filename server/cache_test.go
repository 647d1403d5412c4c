package server

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/attack"
)

// kept is how long the servers of these tests believe what is in memory.
const kept = 300 * time.Millisecond

// TestCacheFollows: what became of a file is what is answered, kept at most for as long as the cache believes: replaced,
// written, truncated, removed, made a link that leads out, a directory, unreadable by a rule. It is so for small files in memory,
// for large ones that stay open, and on either lane. The control believes for an hour.
func TestCacheFollows(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	rename := func(path string, body []byte) error {
		if err := os.WriteFile(path+".new", body, 0o644); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	}
	changes := []struct {
		name   string
		change func(path string) error
		status int
		body   string // "" is not looked at
	}{
		{"replaced", func(p string) error { return rename(p, []byte("another")) }, 200, "another"},
		{"written", func(p string) error { return os.WriteFile(p, []byte("written"), 0o644) }, 200, "written"},
		{"truncated", func(p string) error { return os.Truncate(p, 3) }, 200, "000"},
		{"emptied", func(p string) error { return os.Truncate(p, 0) }, 200, ""},
		{"removed", os.Remove, 404, ""},
		{"relinked", func(p string) error { return os.Rename(linkTo(p, secret), p) }, 404, ""},
		{"a directory", func(p string) error {
			if err := os.Remove(p); err != nil {
				return err
			}
			return os.Mkdir(p, 0o755)
		}, 404, ""},
	}
	bothLanes(t, func(t *testing.T, off bool) {
		tree := map[string]string{}
		for i := range changes {
			tree[fmt.Sprintf("small%d", i)], tree[fmt.Sprintf("large%d", i)] = string(make0(1000)), string(make0(400<<10))
		}
		s := serve(t, tree, func(u *setup) { u.cfg.NoFastLane, u.cfg.Access, u.cfg.CacheCheck = off, nil, kept })
		control := serve(t, nil, func(u *setup) {
			u.base, u.cfg.NoFastLane, u.cfg.Access, u.cfg.CacheCheck = s.base, off, nil, time.Hour
		})
		c := &attack.Client{Addr: s.addr, Host: "localhost"}
		defer c.Close()
		stale := 0
		for i, tt := range changes {
			for _, size := range []string{"small", "large"} {
				target := fmt.Sprintf("/%s%d", size, i)
				for range 3 { // hot, in every sense
					if a := mustDo(t, c, target); a.Status != 200 {
						t.Fatalf("%s before: %d", target, a.Status)
					}
					control.get(t, target)
				}
				if err := tt.change(filepath.Join(s.base, target)); err != nil {
					t.Fatal(err)
				}
				done := time.Now()
				for time.Since(done) < kept { // asked for all the time, so that it stays hot
					mustDo(t, c, target)
				}
				a := mustDo(t, c, target)
				if a.Status != tt.status || tt.body != "" && string(a.Body) != tt.body || tt.name == "emptied" && len(a.Body) > 0 {
					t.Errorf("%s %s: %d %.20q, want %d %q", target, tt.name, a.Status, a.Body, tt.status, tt.body)
				}
				if a := control.get(t, target); a.Status == 200 && len(a.Body) >= 1000 {
					stale++
				}
			}
		}
		if stale < len(changes) {
			t.Errorf("the control was stale %d times: the test sees nothing", stale)
		}
	})
}

func make0(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0'
	}
	return b
}

// linkTo makes a symbolic link beside a file and returns its path.
func linkTo(path, target string) string {
	link := path + ".link"
	if err := os.Symlink(target, link); err != nil {
		return path + ".missing"
	}
	return link
}

// TestMissingIsForgotten: what is missing is remembered for a second at most, however long files are believed.
func TestMissingIsForgotten(t *testing.T) {
	t.Parallel()
	bothLanes(t, func(t *testing.T, off bool) {
		s := serve(t, smallTree, func(u *setup) { u.cfg.NoFastLane, u.cfg.Access, u.cfg.CacheCheck = off, nil, time.Hour })
		c := &attack.Client{Addr: s.addr, Host: "localhost"}
		defer c.Close()
		if a := mustDo(t, c, "/later"); a.Status != 404 {
			t.Fatalf("before: %d", a.Status)
		}
		plantFiles(t, s.base, map[string]string{"later": "here"})
		done := time.Now()
		remembered := false
		for time.Since(done) < time.Second { // asking does not prolong it
			remembered = mustDo(t, c, "/later").Status == 404 || remembered
		}
		if a := mustDo(t, c, "/later"); a.Status != 200 || string(a.Body) != "here" {
			t.Errorf("a second later: %d %q", a.Status, a.Body)
		}
		if !remembered {
			t.Error("it is not remembered at all")
		}
	})
}

// TestHotStaysThroughScan: a client that asks for every file once does not take what others ask for all the time out
// of memory: after it that is answered on the loop, without an open, though the disk has lost it.
func TestHotStaysThroughScan(t *testing.T) {
	t.Parallel()
	bothLanes(t, func(t *testing.T, off bool) {
		const cold = 1500 // of 4 KiB: six times what is kept
		tree := map[string]string{"hot": "hot"}
		for i := range cold {
			tree[fmt.Sprintf("cold/%d", i)] = string(make0(4 << 10))
		}
		s := serve(t, tree, func(u *setup) {
			u.cfg.NoFastLane, u.cfg.Access, u.cfg.CacheSize, u.cfg.CacheCheck = off, nil, 1<<20, time.Hour
			u.dir = rootbound.Config{}
		})
		c := &attack.Client{Addr: s.addr, Host: "localhost"}
		defer c.Close()
		for i := range cold {
			if i%10 == 0 {
				mustDo(t, c, "/hot")
			}
			if a := mustDo(t, c, fmt.Sprintf("/cold/%d", i)); a.Status != 200 {
				t.Fatalf("/cold/%d = %d", i, a.Status)
			}
		}
		for _, n := range []string{"hot", "cold/0"} {
			if err := os.Remove(filepath.Join(s.base, n)); err != nil {
				t.Fatal(err)
			}
		}
		if a := mustDo(t, c, "/hot"); a.Status != 200 || string(a.Body) != "hot" {
			t.Errorf("what is hot was lost: %d", a.Status)
		}
		if a := mustDo(t, c, "/cold/0"); a.Status != 404 { // the control: everything may have been kept
			t.Errorf("the first of the cold files is still there: %d: the test sees nothing", a.Status)
		}
		if st := s.cache.Stats(); st.Bytes > 1<<20 {
			t.Errorf("the cache takes %d bytes", st.Bytes)
		}
	})
}
