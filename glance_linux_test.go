package rootbound

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// glances says whether Glance may answer at all for a base.
func glances(d *Dir) bool {
	return d.useOpenat2() && !glanceGone.Load() && localTypes[fileSystem(d.base.file)]
}

// TestGlance: what Glance is sure of is what OpenName says, and of nothing else it is sure.
func TestGlance(t *testing.T) {
	const never, always = false, true
	// What is missing here may be there in another spelling, where nobody says that the kernel folds no names.
	_, err := os.Stat("/sys/fs")
	known := err == nil
	tests := []struct {
		name string
		cfg  Config
		sure bool
	}{
		{name: "plain.txt", sure: always},
		{name: "sub/deep/file.txt", sure: always},
		{name: "sub/nothing", sure: known},
		{name: "nothing", sure: known},
		{name: "sub", sure: never},
		{name: "fifo", sure: never},
		{name: "out.txt", sure: never},           // a link that leaves
		{name: "outdir/canary.txt", sure: never}, // through one
		{name: "in.txt", sure: never},
		{name: "plain.txt/below", sure: never},
		{name: "twice.txt", sure: always},
		{name: "twice.txt", cfg: Config{Hardlinks: HardlinksRefuse}, sure: never},
		{name: "plain.txt", cfg: Config{Symlinks: SymlinksWithin}, sure: never}, // its own name must be asked for
		{name: strings.Repeat("d/", 200) + "x", sure: never},
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t, "plain.txt="+inside, "sub/deep/file.txt="+inside, "out.txt => OUT/canary.txt", "outdir => OUT",
			"in.txt => plain.txt", "twice.txt="+inside, "again.txt == twice.txt", "fifo |")
		leaksUndefended(t, base, "out.txt")
		leaksUndefended(t, base, "outdir/canary.txt")
		for _, tt := range tests {
			tt.cfg.noOpenat2 = noOpenat2
			d := openBaseDir(t, base, tt.cfg)
			checkGlance(t, d, tt.name, tt.sure && glances(d))
		}
	})
}

// glance is Glance, again where it is not sure and should be: while anybody renames anything on the file system, a look
// that may not wait can come to nothing.
func glance(d *Dir, n Name, want bool) (g Glance, sure bool, err error) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		if g, sure, err = d.Glance(n); sure || !want || time.Now().After(deadline) {
			return g, sure, err
		}
		time.Sleep(time.Millisecond)
	}
}

func checkGlance(t *testing.T, d *Dir, name string, want bool) {
	t.Helper()
	n, err := d.Name(name)
	if err != nil {
		t.Fatal(err)
	}
	f, openErr := d.OpenName(n) // after which the system has all of it in memory
	if openErr == nil {
		defer f.Close()
	}
	g, sure, err := glance(d, n, want)
	if sure != want {
		t.Errorf("Glance(%q): sure %v, want %v", name, sure, want)
	}
	switch {
	case !sure:
		if err != nil {
			t.Errorf("Glance(%q) is not sure, and says %v", name, err)
		}
		return
	case err != nil:
		if openErr == nil || err.Error() != openErr.Error() || ReasonOf(err) != ReasonOf(openErr) {
			t.Errorf("Glance(%q): %v; OpenName: %v", name, err, openErr)
		}
		return
	}
	defer g.Close()
	if openErr != nil {
		t.Fatalf("Glance(%q) opens what OpenName refuses: %v", name, openErr)
	}
	if !g.facts.same(&f.facts) || g.name.String() != f.name.String() || g.Size() != f.Size() {
		t.Errorf("Glance(%q) = %+v, OpenName = %+v", name, g.held, f.held)
	}
	if l := g.Load(1 << 10); l == nil || string(l.content) != inside || l.ETag() != f.ETag() {
		t.Errorf("Glance(%q) loads %v", name, l)
	}
	if l := g.Load(1); l != nil {
		t.Errorf("Glance(%q) loads more than it may", name)
	}
}

// TestGlanceStaysOnItsMount: a file system mounted beneath the base may wait for anybody. OpenName is the control.
func TestGlanceStaysOnItsMount(t *testing.T) {
	d := openBaseDir(t, "/", Config{})
	n, err := d.Name("proc/version")
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.OpenName(n)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if g, sure, _ := d.Glance(n); sure {
		g.Close()
		t.Error("Glance is sure of another file system")
	}
}

// TestGlanceLoadSeesChanges: what was written between the open and the last byte is not taken for what was there.
func TestGlanceLoadSeesChanges(t *testing.T) {
	base, d := loadedWorld(t)
	n, err := d.Name("old.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) error{
		"rewritten with the old times": func(path string) error {
			return alike(base, "old.txt", func(p string) error { return patch(p, 0, []byte("XXXXX")) })
		},
		"truncated": func(path string) error { return os.Truncate(path, 10) },
		"longer":    func(path string) error { return os.Truncate(path, 5000) },
	} {
		mustOpen(t, d, "old.txt")
		g, sure, err := glance(d, n, glances(d))
		if sure != glances(d) || err != nil {
			t.Fatalf("sure %v, %v", sure, err)
		}
		if !sure {
			return // nothing is loaded by it here
		}
		defer g.Close()
		if l := g.Load(1 << 20); l == nil {
			t.Error("control: what nobody changed is not loaded")
		}
		if err := change(filepath.Join(base, "old.txt")); err != nil {
			t.Fatal(err)
		}
		if l := g.Load(1 << 20); l != nil {
			t.Errorf("%s: loaded %d bytes", name, l.Size())
		}
	}
}

// TestGlanceAfterClose: a base that was closed opens nothing.
func TestGlanceAfterClose(t *testing.T) {
	base := world(t, "plain.txt="+inside)
	d, err := Open(base, Config{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.Name("plain.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if g, sure, _ := d.Glance(n); sure {
		g.Close()
		t.Error("Glance is sure of a closed base")
	}
}

// TestDescribedOnce: what a file says of itself is worked out once for each media type, and not mixed up.
func TestDescribedOnce(t *testing.T) {
	_, d := loadedWorld(t)
	f := mustOpen(t, d, "young.html")
	for range 2 {
		for asked, want := range map[string]string{"": "text/html; charset=utf-8", "text/plain": "text/plain"} {
			one, err := f.describe(&SendOptions{ContentType: asked})
			if err != nil {
				t.Fatal(err)
			}
			two, _ := f.describe(&SendOptions{ContentType: asked})
			if one != two || one.rep.ctype != want || one.rep.etag != f.ETag() || one.rep.active != (asked == "") {
				t.Errorf("asked for %q: %+v, then %+v", asked, one, two)
			}
		}
	}
}
