package inspect

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/tree"
)

// run inspects a directory and returns the report.
func run(t *testing.T, dir string, c Config) *finding.Report {
	t.Helper()
	r, err := Run(context.Background(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// found are the findings as "severity rule place", without those about the directories above, which are the machine's.
func found(r *finding.Report) (out []string) {
	for _, f := range r.Findings {
		if f.Rule != finding.PathWritable {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.Rule, f.Place)))
		}
	}
	slices.Sort(out)
	return out
}

func notes(r *finding.Report) (out []string) {
	for _, n := range r.Notes {
		out = append(out, n.Place.Path+": "+n.Text)
	}
	return out
}

// planted is what is wrong with a tree, and what is to be found.
var planted = []struct {
	entry string
	want  string // "" is nothing
}{
	{"outside/secret.txt=secret", ""},
	{"base/absolute => /etc/passwd", "high link-escape absolute"},
	{"base/up/relative => ../../outside/secret.txt", "high link-escape up/relative"},
	{"base/chain => up/relative", "high link-escape chain"},
	{"base/dir => ../outside", "high link-escape dir"},
	{"base/by => dir/secret.txt", "high link-escape by"},
	{"base/later => /nonexistent/later", "medium link-escape later"},
	{"base/within => up/plain.txt", ""},
	{"base/up/plain.txt=plain", ""},
	{"base/dangling => gone", "low link-dangling dangling"},
	{"base/one => two", "low link-loop one"},
	{"base/two => one", "low link-loop two"},
	{"base/self => self", "low link-loop self"},
	{"base/pipe |", "medium special-file pipe"},
	{"base/socket @", "medium special-file socket"},
	{"base/hard.txt == outside/secret.txt", "medium hard-link hard.txt"},
	{"base/pair-a=x", ""},
	{"base/up/pair-b == base/pair-a", ""},
	{"base/.git/config=[core]", "high version-control .git"},
	{"base/up/.gitignore=x", "low application-file up/.gitignore"},
	{"base/.env=KEY=1", "high environment-file .env"},
	{"base/prod.env=KEY=1", "high environment-file prod.env"},
	{"base/up/id_rsa=x", "high key-file up/id_rsa"},
	{"base/cert.txt=" + pem, "high key-file cert.txt:1:1"},
	{"base/store.p12=x", "high key-file store.p12"},
	{"base/index.php.bak=x", "medium backup-file index.php.bak"},
	{"base/site-backup.tar.gz=\x1f\x8b\x08x", "medium backup-file site-backup.tar.gz"},
	{"base/Thumbs.db=x", "low editor-leftover Thumbs.db"},
	{"base/page.html~=x", "low editor-leftover page.html~"},
	{"base/data.sql.gz=\x1f\x8b\x08x", "high dump-file data.sql.gz"},
	{"base/core.4711=x", "high dump-file core.4711"},
	{"base/node_modules/x/install.sh=x", "low application-file node_modules"},
	{"base/deploy.cfg=a = 1\n  token = \"" + token + "\"\n", "high credential deploy.cfg:2:12"},
	{"base/avatar.png=<html><script>alert(1)</script>", "medium type-mismatch avatar.png"},
	{"base/photo.jpg=hello, world", "low type-mismatch photo.jpg"},
	{"base/right.png=\x89PNG\r\n\x1a\n...", ""},
	{"base/notes.txt=<?php system($_GET['c']);", "medium type-mismatch notes.txt"},
	{"base/r\xe9sum\xe9=x", `low name-utf8 r\xe9sum\xe9`},
	{"base/line\nfeed=x", `medium name-control line\nfeed`},
	{"base/back\\slash=x", `low name-backslash back\slash`},
	{"base/photo\u202egpj.exe=x", `medium name-spoof photo\u202egpj.exe`},
	{"base/aux.txt=x", "low name-portable aux.txt"},
	{"base/dot.=x", "low name-portable dot."},
	{"base/case/Secret=x", "low name-case case/Secret"},
	{"base/case/secret=x", ""},
	{"base/form/e\u0301=x", "low name-normal-form form/e\u0301"},
	{"base/seq/r-1=x", "low predictable-names seq"},
	{"base/seq/r-2=x", ""},
	{"base/seq/r-3=x", ""},
	{"base/seq/r-4=x", ""},
	{"base/seq/r-5=x", ""},
}

// alsoFound is what the same tree tells beside, as information.
var alsoFound = []string{
	"info name-hidden .env", "info name-hidden .git", "info name-hidden up/.gitignore",
	"info predictable-names", // photo.jpg and the like
}

func TestPlanted(t *testing.T) {
	top := t.TempDir()
	want := slices.Clone(alsoFound)
	for _, p := range planted {
		tree.Make(t, top, p.entry)
		if p.want != "" {
			want = append(want, p.want)
		}
	}
	base := filepath.Join(top, "base")
	tree.Make(t, base, "uploads/", "sticky/", "shared.txt=x", "suid=x", "run.sh=x")
	for file, mode := range map[string]uint32{"uploads": 0o777, "sticky": 0o1777, "shared.txt": 0o666, "suid": 0o4755, "run.sh": 0o755} {
		if err := unix.Chmod(filepath.Join(base, file), mode); err != nil {
			t.Fatal(err)
		}
	}
	want = append(want, "high world-writable uploads", "medium world-writable sticky", "medium world-writable shared.txt",
		"medium set-id suid", "info executable suid", "info executable run.sh")
	if tree.Devices() {
		tree.Make(t, base, "device !", "other.txt=x")
		if err := os.Chown(filepath.Join(base, "other.txt"), testenv.Nobody, testenv.Nobody); err != nil {
			t.Fatal(err)
		}
		want = append(want, "high special-file device", "low other-owner other.txt")
	}
	slices.Sort(want)
	r := run(t, base, Config{})
	if diff := cmp.Diff(want, found(r)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if len(r.Notes) > 0 {
		t.Errorf("notes: %q", notes(r))
	}
	for _, f := range r.Findings {
		if strings.Contains(f.Evidence, token) {
			t.Errorf("the report holds the credential: %s", f.Evidence)
		}
	}
}

// TestPlantedAsNobody: none of it takes privileges to be found.
func TestPlantedAsNobody(t *testing.T) {
	if testenv.AsNobody(t) {
		TestPlanted(t)
	}
}

// TestClean is the control of TestPlanted: a tree without faults is found to be one, and all of it was looked at.
func TestClean(t *testing.T) {
	base := tree.Make(t, t.TempDir(), "welcome-to-us.html=<html>", "sub/picture.png=\x89PNG\r\n\x1a\n...", "sub/deep/er/words.txt=hello",
		"sub/link => picture.png", "up => sub/deep/../link", "größe.txt=x", "a b.txt=x", "empty/", "empty.jpg=")
	for range 20 { // random names are not predictable
		tree.Make(t, base, "blobs/"+randomName()+"=x")
	}
	r := run(t, base, Config{})
	if got := found(r); len(got) > 0 {
		t.Errorf("found %q", got)
	}
	want := []finding.Tally{{What: "files", Count: 26}, {What: "directories", Count: 5}, {What: "others", Count: 2}}
	if diff := cmp.Diff(want, r.Looked[:3]); diff != "" {
		t.Errorf("looked at (-want +got):\n%s", diff)
	}
}

// TestWide: what is found does not depend on how a directory is cut into batches.
func TestWide(t *testing.T) {
	base := t.TempDir()
	entries := []string{"Zebra=x", "zebra=x", "e\u0301x=x", "éx=x"}
	for i := range batch + 7 {
		entries = append(entries, fmt.Sprintf("img_%05d=", i), fmt.Sprintf("dirs/%d/", i))
	}
	tree.Make(t, base, entries...)
	r := run(t, base, Config{})
	want := []string{"low name-case Zebra", "low name-normal-form e\u0301x", "low name-normal-form e\u0301x", "low predictable-names"}
	if diff := cmp.Diff(want, found(r)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	for _, f := range r.Findings {
		if n := fmt.Sprintf("%d names that differ in numbers", batch+7); f.Rule == finding.PredictableName && !strings.HasPrefix(f.Evidence, n) {
			t.Errorf("%q, want %q", f.Evidence, n)
		}
	}
}

func TestDeep(t *testing.T) {
	base := t.TempDir()
	at, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxDepth + 50 { // no path is as long as that
		if err := at.Mkdir("deeper-and-deeper", 0o755); err != nil {
			t.Fatal(err)
		}
		if i == maxDepth-2 {
			if err := at.Symlink("/etc/passwd", "last"); err != nil {
				t.Fatal(err)
			}
		}
		next, err := at.OpenRoot("deeper-and-deeper")
		if err != nil {
			t.Fatal(err)
		}
		at.Close()
		at = next
	}
	at.Close()
	r := run(t, base, Config{})
	if got := strings.Join(notes(r), "\n"); !strings.Contains(got, fmt.Sprintf("deeper than %d directories", maxDepth)) {
		t.Errorf("notes %q", got)
	}
	if len(r.Findings) == 0 || r.Findings[0].Rule != finding.LinkEscape || !strings.HasSuffix(r.Findings[0].Place.Path, "/last") {
		t.Errorf("found %q", found(r))
	}
}

func TestPermissions(t *testing.T) {
	if !testenv.AsNobody(t) {
		return
	}
	base := tree.Make(t, t.TempDir(), "closed/secret=x", "unreadable.txt="+token, "readable.txt="+token, "noexec/x=x")
	for file, mode := range map[string]os.FileMode{"closed": 0, "unreadable.txt": 0, "noexec": 0o444} {
		path := filepath.Join(base, file)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(path, 0o755) })
	}
	r := run(t, base, Config{})
	want := []string{
		"closed: this user may not read it: not looked into", "noexec/x: this user may not read it: not looked at",
		"unreadable.txt: its content could not be read",
	}
	if diff := cmp.Diff(want, notes(r)); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"high credential readable.txt:1:1"}, found(r)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func TestOpenFails(t *testing.T) {
	for _, path := range []string{"/nonexistent", "/dev/null", ""} {
		if _, err := Run(context.Background(), path, Config{}); err == nil {
			t.Errorf("Run(%q) gave no error", path)
		}
	}
}

func TestBoundsAndInterruption(t *testing.T) {
	base := t.TempDir()
	for i := range 50 {
		tree.Make(t, base, fmt.Sprintf("d%d/file=x", i))
	}
	tree.Make(t, base, "hard-a=x", "hard-b == hard-a")
	r := run(t, base, Config{MaxEntries: 10, Workers: 1})
	if got := strings.Join(notes(r), "\n"); !strings.Contains(got, errEntries.Error()) {
		t.Errorf("notes %q", got)
	}
	if n := r.Looked[0].Count + r.Looked[1].Count; n != 10 {
		t.Errorf("looked at %d, want 10", n)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := Run(ended, base, Config{})
	if err != nil || !strings.Contains(strings.Join(notes(r), "\n"), errStopped.Error()) {
		t.Errorf("notes %q, %v", notes(r), err)
	}
	if r = run(t, base, Config{MaxTime: 1}); !strings.Contains(strings.Join(notes(r), "\n"), errTime.Error()) {
		t.Errorf("notes %q", notes(r))
	}
}

func TestProgress(t *testing.T) {
	base := tree.Make(t, t.TempDir(), "a=xyz", "b/")
	var last Progress
	run(t, base, Config{Progress: func(p Progress) { last = p }})
	if want := (Progress{Entries: 2, Bytes: 3}); last != want {
		t.Errorf("progress %+v, want %+v", last, want)
	}
}

func TestMounts(t *testing.T) {
	if !testenv.InChild(t, testenv.OwnMounts()) {
		return
	}
	top := tree.Make(t, t.TempDir(), "base/bind/", "base/tmp fs/", "base/proc/", "base/file.txt=x", "elsewhere/secret-plans=x", "base/plain/")
	base := filepath.Join(top, "base")
	for _, err := range []error{
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount(filepath.Join(top, "elsewhere"), filepath.Join(base, "bind"), "", unix.MS_BIND, ""),
		unix.Mount(filepath.Join(top, "elsewhere/secret-plans"), filepath.Join(base, "file.txt"), "", unix.MS_BIND, ""),
		unix.Mount("tmpfs", filepath.Join(base, "tmp fs"), "tmpfs", 0, "mode=755"),
		unix.Mount("/proc/sys/kernel/random", filepath.Join(base, "proc"), "", unix.MS_BIND, ""),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // before the tree is removed
		for _, at := range []string{"bind", "file.txt", "tmp fs", "proc"} {
			if err := unix.Unmount(filepath.Join(base, at), unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	})
	r := run(t, base, Config{})
	want := []string{"medium mount-point bind", "medium mount-point file.txt", "medium mount-point proc", "medium mount-point tmp fs"}
	if diff := cmp.Diff(want, found(r)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if got := notes(r); len(got) != 1 || !strings.Contains(got[0], "proc: it is the system's own state") {
		t.Errorf("notes %q", got)
	}
	if got := Distant(filepath.Join(base, "tmp fs", "x")); got != "" {
		t.Errorf("a tmpfs is said to be distant (%s)", got)
	}
	for _, f := range r.Findings {
		if f.Place.Path == "bind" && !strings.Contains(f.Evidence, "/elsewhere (a bind mount)") {
			t.Errorf("bind: %s", f.Evidence)
		}
	}
}

func TestPlaces(t *testing.T) {
	top := tree.Make(t, t.TempDir(), "public_html/site/", "me/", "open/base/", "open/link => base", "app/")
	if err := os.Chmod(filepath.Join(top, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(cat)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "app/server"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(top, "app/server"))
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close()

	for dir, want := range map[string][]string{
		"public_html/site": {"medium place-web-root"},
		"me":               {"medium place-home"},
		"app":              {"info executable server", "medium place-program server"},
	} {
		if diff := cmp.Diff(want, found(run(t, filepath.Join(top, dir), Config{Home: filepath.Join(top, "me")}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dir, diff)
		}
	}
	for _, dir := range []string{"open/base", "open/link"} {
		r := run(t, filepath.Join(top, dir), Config{})
		if !slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
			return f.Rule == finding.PathWritable && f.Severity == finding.High && f.Place.Path == filepath.Join(top, "open")
		}) {
			t.Errorf("%s: the directory above is not reported: %+v", dir, r.Findings)
		}
	}
	r := run(t, filepath.Join(top, "me"), Config{})
	if slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return strings.HasPrefix(f.Place.Path, top) }) {
		t.Errorf("the control failed: %+v", r.Findings)
	}
}
