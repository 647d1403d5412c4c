package rootbound

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/tree"
)

func TestHardlinks(t *testing.T) {
	base := world(t, "one=", "two=", "also == two")
	if err := os.Link(expand("OUT/canary.txt", base), filepath.Join(base, "foreign")); err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		allow := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		refuse := openBaseDir(t, base, Config{Hardlinks: HardlinksRefuse, noOpenat2: noOpenat2})
		for name, want := range map[string]Reason{"one": served, "two": reason.HardLink, "also": reason.HardLink, "foreign": reason.HardLink} {
			if _, why := answer(refuse, name); why != want {
				t.Errorf("HardlinksRefuse: Open(%q) = %q, want %q", name, why, want)
			}
			if _, why := answer(allow, name); why != served {
				t.Errorf("HardlinksAllow: Open(%q) = %q", name, why)
			}
		}
		// The control, and what the documentation says of HardlinksAllow: nothing tells such a file from another.
		if got, _ := answer(allow, "foreign"); got != canary {
			t.Errorf("foreign = %q", got)
		}
	})
}

// TestRules: what rules refuse is refused before any file system is asked, and for a file that is there as for one
// that is not.
func TestRules(t *testing.T) {
	base := world(t, ".env="+canary, ".git/config="+canary, ".well-known/x="+inside, "sub/.well-known/x="+canary, ".well-known/.h="+canary, "a.key="+canary, "sub/a.key="+canary,
		"keys/a="+canary, "CON=x", "a:b=x", "sp ace=x", ".rootbound-up/x="+canary, "sub/.rootbound-1="+canary, "ok.txt="+inside)
	type want map[string]Reason
	for _, tt := range []struct {
		name string
		cfg  Config
		want want
	}{
		{"zero", Config{}, want{"ok.txt": served, ".env": reason.NameHidden, ".git/config": reason.NameHidden, ".well-known/x": reason.NameHidden, "a.key": served, ".absent": reason.NameHidden}},
		{"hidden", Config{AllowHidden: true}, want{".env": served, ".git/config": served, ".well-known/x": served, ".rootbound-up/x": reason.NameReserved, "sub/.rootbound-1": reason.NameReserved, ".rootbound-": reason.NameReserved}},
		{"well-known", Config{AllowWellKnown: true}, want{".well-known/x": served, "sub/.well-known/x": reason.NameHidden, ".well-known/.h": reason.NameHidden, ".env": reason.NameHidden}},
		{"deny", Config{Deny: []string{"*.key", "/keys"}}, want{"a.key": reason.NameDenied, "sub/a.key": reason.NameDenied, "keys/a": reason.NameDenied, "keys/none": reason.NameDenied, "ok.txt": served, "none.key": reason.NameDenied}},
		{"allow", Config{Allow: []string{"*.txt"}}, want{"ok.txt": served, "a.key": reason.NameDenied, "none": reason.NameDenied}},
		{"deny before allow", Config{Allow: []string{"*.txt"}, Deny: []string{"ok.*"}}, want{"ok.txt": reason.NameDenied}},
		{"portable", Config{Names: Portable}, want{"ok.txt": served, "CON": reason.NamePortable, "a:b": reason.NamePortable, "sp ace": served}},
		{"strict", Config{Names: Strict}, want{"ok.txt": served, "sp ace": reason.NameStrict, "a:b": reason.NameStrict, "CON": served}},
	} {
		both(t, func(t *testing.T, noOpenat2 bool) {
			tt.cfg.noOpenat2 = noOpenat2
			d := openBaseDir(t, base, tt.cfg)
			for name, want := range tt.want {
				got, why := answer(d, name)
				if why != want {
					t.Errorf("%s: Open(%q) = %q, %q; want %q", tt.name, name, got, why, want)
				}
				if want != served {
					_, err := d.Open(name)
					checkRefusal(t, err, base, name)
					if Status(err) != 403 {
						t.Errorf("%s: %q: status %d", tt.name, name, Status(err))
					}
				}
			}
		})
	}
	for _, name := range []string{".env", "a.key", "keys/a"} {
		leaksUndefended(t, base, name)
	}
}

// TestAllowIsAskedAboutFiles: a directory's name is not among what Allow judges, and no way of asking for a file as a
// directory gets around that.
func TestAllowIsAskedAboutFiles(t *testing.T) {
	base := world(t, "secret.key="+canary, "dir.key/a.txt="+inside, "link.txt => secret.key")
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Allow: []string{"*.txt"}, Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		n, err := d.NameFromPath("/secret.key/")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.OpenName(n); ReasonOf(err) != reason.NotDirectory {
			t.Errorf("as a directory: %v", err)
		}
		if _, err := d.OpenName(n.File()); ReasonOf(err) != reason.NameDenied {
			t.Errorf("without its slash: %v", err)
		}
		if _, why := answer(d, "link.txt"); why != reason.OpenedName {
			t.Errorf("by a link with an allowed name: %q", why)
		}
		if got, why := answer(d, "dir.key/a.txt"); got != inside {
			t.Errorf("%q, %q", got, why)
		}
		if _, err := d.OpenName(Name{}); ReasonOf(err) != reason.NameEmpty {
			t.Errorf("the zero Name: %v", err)
		}
		if _, err := d.Child(Name{}, "a.txt", false); ReasonOf(err) != reason.NameEmpty {
			t.Errorf("beneath the zero Name: %v", err)
		}
		top, err := d.DirName(".")
		if err != nil {
			t.Fatal(err)
		}
		for elem, want := range map[string]Reason{".": reason.NameDot, "..": reason.NameTraversal, "": reason.NameEmpty, "a/b": reason.NameEncodedSeparator, "a": served} {
			if _, err := d.Child(top, elem, true); ReasonOf(err) != want {
				t.Errorf("Child(%q) = %v, want %q", elem, err, want)
			}
		}
	})
}

func TestOpenErrors(t *testing.T) {
	base := world(t, "file=")
	for name, cfg := range map[string]Config{
		"Symlinks": {Symlinks: 7}, "Hardlinks": {Hardlinks: 9}, "MaxOpens": {MaxOpens: -1}, "MaxUpload": {MaxUpload: -1},
		"Deny": {Deny: []string{"a/../b"}}, "Allow": {Allow: []string{"["}},
	} {
		if _, err := Open(base, cfg); err == nil || !strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
	for _, path := range []string{"", base + "/none", base + "/file", base + "\x00"} {
		keepsDescriptors(t, func() {
			if _, err := Open(path, Config{}); err == nil || strings.Contains(err.Error(), "/proc") {
				t.Errorf("Open(%q) = %v", path, err)
			}
		})
	}
}

// TestWithinAbsolute: absolute links are recognised by the path that was given and by the real one; a given path that means
// another directory once it is cleaned as text is not believed.
func TestWithinAbsolute(t *testing.T) {
	base := world(t, "a.txt="+inside, "real => BASE/a.txt", "trap => OUT/base/a.txt")
	top := filepath.Dir(base)
	tree.Make(t, top, "outside/base/a.txt="+canary)
	for link, target := range map[string]string{top + "/alias": base, base + "/given": top + "/alias/a.txt", top + "/outside/into": base} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, tt := range []struct {
			path, name string
			want       Reason
		}{
			{base, "real", served},
			{base, "given", reason.LinkEscape},
			{top + "/alias", "real", served},
			{top + "/alias", "given", served},
			{base + "/.", "real", served},
			{base + "/../base", "real", served},
			// The kernel follows "into" before it climbs and ends in the base. Cleaned as text, this is outside/base.
			{top + "/outside/into/../base", "real", served},
			{top + "/outside/into/../base", "trap", reason.LinkEscape},
		} {
			d := openBaseDir(t, tt.path, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
			if got, why := answer(d, tt.name); why != tt.want {
				t.Errorf("base %s: Open(%q) = %q, %q; want %q", strings.TrimPrefix(tt.path, top), tt.name, got, why, tt.want)
			}
		}
	})
}
