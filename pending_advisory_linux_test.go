package rootbound

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// TestAdvisory_CVE_2026_54094: filebrowser wrote an upload through a link in the directory. Its first fix asked
// where the link leads and missed one that leads to nothing yet (CVE-2026-55668), since that cannot be resolved.
func TestAdvisory_CVE_2026_54094(t *testing.T) { testUploadOverLink(t, "victim") }

// TestAdvisory_CVE_2026_55668: the dangling link; see CVE-2026-54094.
func TestAdvisory_CVE_2026_55668(t *testing.T) { testUploadOverLink(t, "not-yet") }

func testUploadOverLink(t *testing.T, target string) {
	for _, over := range []bool{false, true} {
		eachUploadWay(t, func(t *testing.T, cfg Config) {
			cfg.Symlinks = SymlinksWithin
			d, path := uploadBase(t, cfg)
			victim := filepath.Join(path, "..", "outside", target)
			mustSymlink(t, "../outside/"+target, filepath.Join(path, "report.txt"))
			if target == "victim" {
				mustWrite(t, victim, "precious")
			}
			err := upload(d, "report.txt", "leak", CreateOptions{Overwrite: over})
			wantReason(t, "Create", err, reason.Exists)
			if got, _ := os.ReadFile(victim); string(got) == "leak" {
				t.Error("the upload was written through the link")
			}
			if err := undefendedUpload(path, "report.txt", "leak"); err != nil {
				t.Fatal(err)
			}
			wantContent(t, victim, "leak") // the control
		})
	}
}

// TestAdvisory_CVE_2026_55667: filebrowser cleaned up after a failed upload by path, and so removed what a link
// led to. Here the unfinished file's name is swapped for a link, the worst an attacker in the directory can do.
func TestAdvisory_CVE_2026_55667(t *testing.T) {
	for _, noOpenat2 := range []bool{false, true} {
		d, path := uploadBase(t, Config{Writable: true, noTmpfile: true, noOpenat2: noOpenat2, MaxUpload: 1})
		victim := filepath.Join(path, "..", "outside", "victim")
		mustWrite(t, victim, "precious")
		p, err := d.Create("file", CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		temp := filepath.Join(path, p.temp)
		if err := os.Remove(temp); err != nil {
			t.Fatal(err)
		}
		mustSymlink(t, "../outside/victim", temp)
		resolved, err := filepath.EvalSymlinks(temp)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := filepath.EvalSymlinks(victim); err != nil || resolved != same {
			t.Fatalf("the control would remove %s, not the victim (%v)", resolved, err)
		}
		_, err = p.Write([]byte("too long"))
		wantReason(t, "Write", err, reason.TooLarge)
		wantContent(t, victim, "precious")
		wantOnly(t, path, "sub")
		if err := os.RemoveAll(resolved); err != nil { // the control: clean up where the path leads
			t.Fatal(err)
		}
		wantOnly(t, filepath.Dir(victim))
	}
}

// TestAdvisory_CVE_2025_8110 (and GHSA-89mr-xqfv-758m): gogs looked at the last element only, so a link on the way
// led out; and a backslash made two elements of what it had looked at as one.
func TestAdvisory_CVE_2025_8110(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		outside := filepath.Join(path, "..", "outside")
		mustSymlink(t, "../outside", filepath.Join(path, "repo"))
		leafOnly := func(text string) error { // the control: Lstat of the last element, then write by path
			if fi, err := os.Lstat(filepath.Join(path, text)); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
				return ErrRefused
			}
			return undefendedUpload(path, text, "leak")
		}
		if err := leafOnly("repo"); !errors.Is(err, ErrRefused) {
			t.Fatalf("the control does not even look at the last element: %v", err)
		}
		if err := leafOnly("repo/config"); err != nil {
			t.Fatal(err)
		}
		wantContent(t, filepath.Join(outside, "config"), "leak")
		if err := os.Remove(filepath.Join(outside, "config")); err != nil {
			t.Fatal(err)
		}
		err := upload(d, "repo/config", "leak", CreateOptions{Overwrite: true})
		wantReason(t, "through the link", err, reason.LinkRefused)
		err = upload(d, `repo\config`, "leak", CreateOptions{})
		wantReason(t, "with a backslash", err, reason.NameBackslash)
		wantOnly(t, outside)
	})
}

// TestAdvisory_CVE_2025_24813: Tomcat named a partial upload after its path with '.' for '/', within reach of
// requests: two paths shared one file, and it could be read before it was whole.
func TestAdvisory_CVE_2025_24813(t *testing.T) {
	tomcat := func(text string) string { return strings.ReplaceAll(text, "/", ".") }
	if tomcat("sub/x.session") != tomcat("sub.x/session") { // the control
		t.Fatal("the control's names do not collide")
	}
	for _, noOpenat2 := range []bool{false, true} {
		cfg := Config{Writable: true, AllowHidden: true, noTmpfile: true, noOpenat2: noOpenat2}
		d, path := uploadBase(t, cfg)
		if err := os.Mkdir(filepath.Join(path, "sub.x"), 0o755); err != nil {
			t.Fatal(err)
		}
		temps := map[string]bool{}
		for _, text := range []string{"sub/x.session", "sub.x/session", "sub/x.session"} {
			p, err := d.Create(text, CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if _, err := p.Write([]byte("half")); err != nil {
				t.Fatal(err)
			}
			if temps[p.temp] || !isReservedName(p.temp) {
				t.Errorf("%q is written under %q, which is taken or not reserved", text, p.temp)
			}
			temps[p.temp] = true
			for _, guess := range []string{p.temp, filepath.Dir(text) + "/" + p.temp, tomcat(text), text} {
				if f, err := d.Open(guess); err == nil {
					t.Errorf("%q can be read while it is uploaded: %q", text, f.Name())
				}
			}
		}
	}
}

// TestAdvisory_CVE_2025_52900: filebrowser gave what it stored to everybody (0644, 0777).
func TestAdvisory_CVE_2025_52900(t *testing.T) {
	withUmask(t, 0)
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		if err := undefendedUpload(path, "control", "#!/bin/sh"); err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(filepath.Join(path, "control")); err != nil || fi.Mode() != 0o777 {
			t.Fatalf("the control did not leak: %v, %v", fi, err)
		}
		if err := upload(d, "file", "#!/bin/sh", CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(filepath.Join(path, "file")); err != nil || fi.Mode() != 0o600 {
			t.Errorf("the upload has mode %v, %v; want 0600", fi.Mode(), err)
		}
	})
}

// dutchcoders/transfer.sh#308: what the server noted about an upload lay beside it, could be read, and told how to delete
// it. Nothing of ours lies beside an upload but its own bytes under a reserved name, which nobody can read or list. The
// control is a name that is not ours.
func TestAdvisory_transfer_sh_308(t *testing.T) {
	for _, noTmpfile := range []bool{false, true} {
		d, path := uploadBase(t, Config{Writable: true, AllowHidden: true, noTmpfile: noTmpfile})
		p, err := d.Create("a.txt", CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if _, err := p.Write([]byte("half")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, ".a.txt.metadata"), []byte("theirs"), 0o644); err != nil {
			t.Fatal(err)
		}
		onDisk, err := os.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range onDisk {
			got := get(d.Handler(HandlerConfig{}), "/"+e.Name())
			if ours := isReservedName(e.Name()); (got.Code == 200) == (ours || e.IsDir()) {
				t.Errorf("GET /%s = %d", e.Name(), got.Code)
			}
		}
		if err := p.Commit(); err != nil {
			t.Fatal(err)
		}
		onDisk, err = os.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range onDisk {
			if !e.IsDir() && e.Name() != "a.txt" && e.Name() != ".a.txt.metadata" {
				t.Errorf("%s lies beside the upload", e.Name())
			}
		}
	}
}
