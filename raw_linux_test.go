package rootbound

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// TestOpenConfined goes below the NAME stage, which refuses nearly all of this: containment must not depend on it.
//
// want is for openat2 and links refused, openat2 and links within, os.Root and refused, os.Root and within. With links
// refused os.Root opens element by element and so lets no ".." pass, which is no matter: names have none.
func TestOpenConfined(t *testing.T) {
	base := linkWorld(t)
	out := expand("OUT/canary.txt", base)
	const (
		ok       = served
		escape   = reason.LinkEscape
		link     = reason.LinkRefused
		missing  = reason.Missing
		notDir   = reason.NotDirectory
		loop     = reason.LinkLoop
		tooMuch  = reason.Missing // ENAMETOOLONG: no such name can exist
		anything = Reason("any")  // refused, and no more is promised
	)
	tests := []struct {
		name  string
		want  [4]Reason
		leaks bool
	}{
		{"plain.txt", [4]Reason{ok, ok, ok, ok}, false},
		{"./plain.txt", [4]Reason{ok, ok, ok, ok}, false},
		{"sub//inside.txt", [4]Reason{ok, ok, anything, ok}, false},
		{"sub/../plain.txt", [4]Reason{ok, ok, escape, ok}, false},
		{"sub/deep/../../plain.txt", [4]Reason{ok, ok, escape, ok}, false},
		{"sub/../../base/plain.txt", [4]Reason{escape, escape, escape, escape}, false},
		{"..", [4]Reason{escape, escape, escape, escape}, false},
		{"../", [4]Reason{escape, escape, escape, escape}, false},
		{"../outside/canary.txt", [4]Reason{escape, escape, escape, escape}, true},
		{"../base_evil/canary.txt", [4]Reason{escape, escape, escape, escape}, true},
		{"sub/../../outside/canary.txt", [4]Reason{escape, escape, escape, escape}, true},
		{"sub/..//../outside/canary.txt", [4]Reason{escape, escape, escape, escape}, true},
		{"./../outside/canary.txt", [4]Reason{escape, escape, escape, escape}, true},
		{"sub/./../../outside/canary.txt", [4]Reason{escape, escape, escape, escape}, true},
		{out, [4]Reason{escape, escape, anything, escape}, true},
		{"//" + out, [4]Reason{escape, escape, anything, escape}, true},
		{base + "/plain.txt", [4]Reason{escape, escape, anything, escape}, false},
		{"dirout/canary.txt", [4]Reason{link, escape, link, escape}, true},
		{"dirout/", [4]Reason{link, escape, link, escape}, false},
		{"dirout/.", [4]Reason{link, escape, link, escape}, false},
		{"dirout/..", [4]Reason{link, escape, link, escape}, false},
		{"dirout//canary.txt", [4]Reason{link, escape, link, escape}, true},
		{"dirout/../outside/canary.txt", [4]Reason{link, escape, link, escape}, true},
		{"indir/../../outside/canary.txt", [4]Reason{link, escape, link, escape}, true},
		{"absdir/../../outside/canary.txt", [4]Reason{link, escape, link, escape}, true},
		{"absdir/../plain.txt", [4]Reason{link, ok, link, ok}, false},
		{"self/../outside/canary.txt", [4]Reason{link, escape, link, escape}, true},
		{"plain.txt/", [4]Reason{notDir, notDir, notDir, notDir}, false},
		{"plain.txt/.", [4]Reason{notDir, notDir, notDir, notDir}, false},
		{"plain.txt/..", [4]Reason{notDir, notDir, notDir, notDir}, false},
		{"in.txt/", [4]Reason{link, notDir, link, notDir}, false},
		{"missing/..", [4]Reason{missing, missing, missing, missing}, false},
		{"missing/../plain.txt", [4]Reason{missing, missing, missing, missing}, false},
		{"loop/../../outside/canary.txt", [4]Reason{link, loop, link, loop}, false},
		{"", [4]Reason{missing, missing, anything, anything}, false},
		{strings.Repeat("n", 256), [4]Reason{tooMuch, tooMuch, tooMuch, tooMuch}, false},
		{strings.Repeat("sub/../", 700) + "plain.txt", [4]Reason{tooMuch, tooMuch, escape, anything}, false},
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		for i, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			column := i
			if !d.useOpenat2() {
				column += 2
			}
			for _, tt := range tests {
				keepsDescriptors(t, func() {
					got, why := rawAnswer(d, tt.name)
					if strings.Contains(got, canary) {
						t.Errorf("%s: openConfined(%.80q) leaks", links, tt.name)
					}
					if want := tt.want[column]; want != why && (want != anything || why == served) {
						t.Errorf("%s: openConfined(%.80q) = %q, want %q", links, tt.name, why, want)
					}
				})
				if tt.leaks {
					leaksUndefended(t, base, tt.name)
				}
				if _, err := d.Open(tt.name); i == 0 && err == nil && tt.name != "plain.txt" {
					t.Errorf("Open(%.80q) passed the NAME stage", tt.name)
				}
			}
		}
	})
}

func rawAnswer(d *Dir, name string) (string, Reason) {
	f, err := d.openConfined(name)
	if err != nil {
		return "", ReasonOf(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		b = nil // a directory
	}
	return string(b), served
}

// TestMagicLinks serves /proc/self: its links lead anywhere, and are not made of text.
func TestMagicLinks(t *testing.T) {
	base := linkWorld(t)
	const self = "/proc/self"
	held, err := os.Open(expand("OUT/canary.txt", base))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	fd := procPath(held)[len(self)+1:]
	out := expand("OUT/canary.txt", base)
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, self, Config{Symlinks: links, noOpenat2: noOpenat2})
			for _, name := range []string{fd, "root" + out, "exe", "cwd/go.mod", "task/self", "ns/mnt"} {
				if got, why := answer(d, name); why == served || Status(errorOf(d, name)) != 404 {
					t.Errorf("%s: Open(%q) = %.20q, %q; want a refusal", links, name, got, why)
				}
			}
		}
	})
	leaksUndefended(t, self, fd)
	leaksUndefended(t, self, "root"+out)
}

func errorOf(d *Dir, name string) error {
	f, err := d.Open(name)
	if err == nil {
		err = f.Close()
	}
	return err
}

// TestLongNames: NAME_MAX and PATH_MAX are the rules' bounds too, and what can exist at the bound is served.
func TestLongNames(t *testing.T) {
	longest := strings.Repeat("n", 255)
	deep := strings.Repeat(strings.Repeat("d", 250)+"/", 16)
	base := world(t, longest+"="+inside, deep+"f=", deep[:251*3]+"x="+inside)
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		for _, tt := range []struct {
			name string
			want Reason
		}{
			{longest, served},
			{deep[:251*3] + "x", served},
			{longest + "n", reason.NameTooLong},
			{strings.Repeat("a/", 2047) + "b", reason.Missing}, // 4095 bytes
			{strings.Repeat("a/", 2048) + "b", reason.NameTooLong},
		} {
			if _, why := answer(d, tt.name); why != tt.want {
				t.Errorf("Open of %d bytes = %q, want %q", len(tt.name), why, tt.want)
			}
		}
	})
}

// TestFIFOs: no open waits for a writer, with one or without.
func TestFIFOs(t *testing.T) {
	base := world(t, "quiet |", "fed |")
	w, err := os.OpenFile(filepath.Join(base, "fed"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteString(canary); err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		for _, name := range []string{"quiet", "fed"} {
			if got, why := answer(d, name); why != reason.SpecialFile {
				t.Errorf("Open(%q) = %q, %q", name, got, why)
			}
		}
	})
	b := make([]byte, len(canary)) // the control: an ordinary open reads it
	if r, err := os.Open(filepath.Join(base, "fed")); err != nil {
		t.Error(err)
	} else if n, err := r.Read(b); string(b[:n]) != canary || errors.Join(err, r.Close()) != nil {
		t.Errorf("control: read %q, %v", b[:n], err)
	}
}
