package rootbound

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/undefended"
)

// An advisory is a past vulnerability of another program, told as the names that were asked there and what they are
// answered here. twin names the undefended one that must leak for each name; "" is for attacks on systems and servers
// that cannot be had here.
type advisory struct {
	cfg   Config
	names map[string]Reason
	twin  string
}

// checkAdvisory asks for each name as a library caller does and, percent-encoded once, as a client does.
func checkAdvisory(t *testing.T, base string, a advisory) {
	t.Helper()
	both(t, func(t *testing.T, noOpenat2 bool) {
		a.cfg.noOpenat2 = noOpenat2
		d := openBaseDir(t, base, a.cfg)
		for name, want := range a.names {
			got, why := answer(d, name)
			if why != want || strings.Contains(got, canary) {
				t.Errorf("Open(%q) = %q, %q; want %q", name, got, why, want)
			}
		}
	})
	if a.twin == "" {
		return
	}
	for name := range a.names {
		if got, err := undefended.ByName(a.twin).Read(base, name); !strings.Contains(string(got), canary) {
			t.Errorf("control: the twin %s reads %q, %v for %q", a.twin, got, err, name)
		}
	}
}

// os.Root opened the parent for a name that ends in "../" (go#73555).
func TestAdvisory_CVE_2025_22873(t *testing.T) {
	base := linkWorld(t)
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			for _, stem := range []string{"", "sub/../", "sub/deep/../../", "indir/../", "dirout/", "up/"} {
				for _, end := range []string{"..", "../", "../.", "../..", ".././"} {
					if got, why := rawAnswer(d, stem+end); why == served {
						t.Errorf("%s: openConfined(%q) = %q", links, stem+end, got)
					}
					if _, err := d.Sub(stem + end); err == nil {
						t.Errorf("%s: Sub(%q) opened", links, stem+end)
					}
				}
			}
		}
	})
	if entries, err := os.ReadDir(base + "/../"); err != nil || len(entries) < 2 {
		t.Errorf("control: %v, %v", entries, err)
	}
}

// os.Root's ReadDir asked for facts by path after the directory had been swapped for a link; see also TestRaceListing.
func TestAdvisory_CVE_2026_27139(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t, "dir/canary.txt="+inside)
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		n, err := d.DirName("dir")
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.OpenName(n)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		dir := filepath.Join(base, "dir")
		rename(t, dir, dir+".old")
		if err := os.Symlink("../outside", dir); err != nil {
			t.Fatal(err)
		}
		for e, err := range f.Entries() {
			if err != nil || e.Size != int64(len(inside)) {
				t.Errorf("listed %+v, %v", e, err)
			}
		}
		fi, err := os.Lstat(filepath.Join(dir, "canary.txt"))
		if err != nil || fi.Size() != int64(len(canary)) {
			t.Errorf("control: by path it is the canary's size: %v, %v", fi, err)
		}
	})
}

// os.Root followed "link/" out, since openat(2) with O_NOFOLLOW does for a name with a trailing slash (go#79005).
func TestAdvisory_CVE_2026_39822(t *testing.T) {
	base := linkWorld(t)
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			for _, name := range []string{"dirout/", "absdirout/", "dirslash/", "up/", "fsroot/", "chaindir/", "dirout//", "dirout/./"} {
				if _, why := rawAnswer(d, name); why == served {
					t.Errorf("%s: openConfined(%q) opened a directory outside", links, name)
				}
				if n, err := d.NameFromPath("/" + name); err == nil {
					if f, err := d.OpenName(n); err == nil {
						_ = f.Close()
						t.Errorf("%s: GET /%s opened a directory outside", links, name)
					}
				}
			}
		}
	})
	if entries, err := os.ReadDir(base + "/dirout/"); err != nil || entries[0].Name() != "canary.txt" {
		t.Errorf("control: %v, %v", entries, err)
	}
}

// filepath.Walk and its kin look at a path and open it later (go#70007). Here a listing and an open are of a descriptor:
// the race is TestRace/dir, and this is its one deterministic step.
func TestAdvisory_CVE_2024_8244(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t, "dir/canary.txt="+inside)
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		var listed []Name
		n, err := d.DirName("dir")
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.OpenName(n)
		if err != nil {
			t.Fatal(err)
		}
		for e := range f.Entries() {
			listed = append(listed, e.Name)
		}
		_ = f.Close()
		rename(t, filepath.Join(base, "dir"), filepath.Join(base, "old"))
		if err := os.Symlink("../outside", filepath.Join(base, "dir")); err != nil {
			t.Fatal(err)
		}
		if len(listed) != 1 {
			t.Fatalf("listed %v", listed)
		}
		if _, err := d.OpenName(listed[0]); ReasonOf(err) != reason.LinkRefused {
			t.Errorf("the walked name: %v", err)
		}
		leaksUndefended(t, base, listed[0].String())
	})
}

// http.Dir("") and DirFS("") meant the root directory (GO-2022-1143).
func TestAdvisory_CVE_2022_41720(t *testing.T) {
	if d, err := Open("", Config{}); err == nil {
		_ = d.Close()
		t.Error("an empty base was opened")
	}
	if fi, err := os.Stat("" + "/etc"); err != nil || !fi.IsDir() {
		t.Errorf("control: %v", err)
	}
}

// Names that Windows reads as devices, drives or streams: Clean made some of them out of harmless ones. Portable refuses
// them everywhere, Local on Windows.
func TestAdvisory_CVE_2022_29804_CVE_2022_41722_CVE_2023_45283_CVE_2023_45284(t *testing.T) {
	checkAdvisory(t, world(t), advisory{cfg: Config{Names: Portable}, names: map[string]Reason{
		`.\c:`: reason.NameBackslash, "a/../c:/b": reason.NameTraversal, `\??\c:\x`: reason.NameBackslash, `\\?\c:\x`: reason.NameBackslash, "c:/b": reason.NamePortable, "c:b": reason.NamePortable,
		"COM1": reason.NamePortable, "COM1 ": reason.NamePortable, "LPT9.txt": reason.NamePortable, "com¹": reason.NamePortable, "a/NUL/b": reason.NamePortable, "f::$DATA": reason.NamePortable,
	}})
}

// Werkzeug's safe_join let device names through, in four steps: alone, with an extension, with spaces, in the middle.
func TestAdvisory_GHSA_f9vj_2wh5_fj8j_GHSA_hgf8_39gv_g3f2_GHSA_87hc_h4r5_73f7_GHSA_29vq_49wr_vm6x(t *testing.T) {
	checkAdvisory(t, world(t), advisory{cfg: Config{Names: Portable}, names: map[string]Reason{
		"//server/share": reason.NameAbsolute, `\\server\share`: reason.NameBackslash, "CON": reason.NamePortable, "NUL.txt": reason.NamePortable, "aux /x": reason.NamePortable, "a/prn/b": reason.NamePortable,
	}})
}

// aiohttp dropped the check of the root directory where links were followed: allowing links must never be allowing "..".
func TestAdvisory_CVE_2024_23334(t *testing.T) {
	checkAdvisory(t, linkWorld(t), advisory{cfg: Config{Symlinks: SymlinksWithin}, twin: "naive-join", names: map[string]Reason{
		"../outside/canary.txt": reason.NameTraversal, "sub/../../outside/canary.txt": reason.NameTraversal,
	}})
}

// aiohttp checked the file, but not its compressed sibling, which a link made of something else.
func TestAdvisory_CVE_2024_42367(t *testing.T) {
	base := world(t, "x.js="+strings.Repeat("x", 2000), "x.js.gz => ../outside/canary.txt", "x.js.br => ../outside/canary.txt", "x.js.zst => ../outside/canary.txt", "y.js="+inside, "y.js.gz => .env", ".env="+canary)
	old := time.Now().Add(-time.Hour)
	for _, f := range []string{"x.js", "y.js"} {
		if err := os.Chtimes(filepath.Join(base, f), old, old); err != nil {
			t.Fatal(err)
		}
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			h := d.Handler(HandlerConfig{Send: SendOptions{Precompressed: true}})
			for _, coding := range []string{"gzip", "br", "zstd", "gzip, br, zstd", "*"} {
				for _, name := range []string{"/x.js", "/y.js"} {
					r := httptest.NewRequest(http.MethodGet, name, nil)
					r.Header.Set("Accept-Encoding", coding)
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					if w.Code != 200 || strings.Contains(w.Body.String(), canary) || w.Header().Get("Content-Encoding") != "" {
						t.Errorf("%s: GET %s with %s = %d %q", links, name, coding, w.Code, w.Body)
					}
				}
			}
		}
	})
	leaksUndefended(t, base, "x.js.gz")
	leaksUndefended(t, base, "y.js.gz")
}

// Starlette (commonprefix), Rack::Directory (CVE-2026-22860), Rack::Static (CVE-2026-34785) and others compared paths without a separator: base_evil begins with base.
func TestAdvisory_CVE_2023_29159_CommonPrefix(t *testing.T) {
	base := linkWorld(t)
	checkAdvisory(t, base, advisory{twin: "prefix-compare", names: map[string]Reason{"../base_evil/canary.txt": reason.NameTraversal}})
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		for _, name := range []string{"evil", "absevil"} {
			if _, why := answer(d, name); why != reason.LinkEscape {
				t.Errorf("Open(%q) = %q", name, why)
			}
		}
	})
	// A prefix of a mount, likewise: "/css" is not "/css-config.env".
	d := openBaseDir(t, world(t, "-config.env="+canary, "config.env="+canary), Config{})
	for _, target := range []string{"/css-config.env", "/css%2dconfig.env", "/cssconfig.env", "/css"} {
		w := httptest.NewRecorder()
		d.Handler(HandlerConfig{Prefix: "/css"}).ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		if w.Code != 404 {
			t.Errorf("GET %s = %d", target, w.Code)
		}
	}
}

// Starlette asked Windows for the real path of a share's name, and so sent it credentials. Nothing with a backslash or
// two slashes at its start reaches a system call.
func TestAdvisory_CVE_2026_48818_UNC(t *testing.T) {
	checkAdvisory(t, world(t), advisory{names: map[string]Reason{
		`\\attacker\share`: reason.NameBackslash, "//attacker/share": reason.NameAbsolute, `a\..\..\b`: reason.NameBackslash, `/\attacker/share`: reason.NameBackslash,
	}})
}

// Names that decode twice (sanic, dir2opds), in pieces (Apache: CVE-2021-41773 and 42013) or to a slash.
func TestAdvisory_CVE_2017_16762_CVE_2021_41773_CVE_2021_42013(t *testing.T) {
	base := world(t, "%2e%2e/outside/canary.txt="+inside, "sub/")
	d := openBaseDir(t, base, Config{})
	for target, want := range map[string]int{
		"/..%2foutside/canary.txt": 403, "/.%252e/outside/canary.txt": 403, "/%252e%252e/outside/canary.txt": 200, "/sub/.%2e/.%2e/outside/canary.txt": 403,
		"/%%32%65%%32%65/outside/canary.txt": 400, "/%2e%2e/outside/canary.txt": 403, "/..%252foutside/canary.txt": 403,
	} {
		n, err := d.NameFromPath(target)
		status := Status(err)
		if err == nil {
			var f *File
			if f, err = d.OpenName(n); err == nil {
				_ = f.Close()
			}
			status = Status(err)
		}
		if status != want {
			t.Errorf("GET %s = %d (%v), want %d", target, status, err, want)
		}
	}
	for _, name := range []string{"..%2foutside/canary.txt", "%2e%2e/outside/canary.txt"} {
		if got, err := undefended.ByName("decode-twice").Read(base, name); !strings.Contains(string(got), canary) {
			t.Errorf("control: decode-twice reads %q, %v for %q", got, err, name)
		}
	}
}

// Rules that looked at one spelling while another was opened (Caddy, on Windows and by the case of escapes), or that a
// pattern's own characters in the name switched off. Rule and open get one and the same Name.
func TestAdvisory_CVE_2026_52844_CVE_2026_27587_CVE_2026_27585(t *testing.T) {
	base := world(t, "private/key.txt="+canary, "private*/key.txt="+canary, "pri[v]ate/x="+inside)
	d := openBaseDir(t, base, Config{Deny: []string{"private*"}})
	for _, target := range []string{"/private/key.txt", "/%70rivate/key.txt", "/%50rivate/../private/key.txt", "/private%5ckey.txt", "/private%2fkey.txt", "/private*/key.txt", "/private%2A/key.txt", "/private%2a/key.txt", "/private"} {
		if n, err := d.NameFromPath(target); Status(err) != 403 {
			t.Errorf("GET %s = %q, %v; want 403", target, n, err)
		}
	}
	if _, why := answer(d, "pri[v]ate/x"); why != served {
		t.Errorf("a name's own brackets are no pattern: %q", why)
	}
	leaksUndefended(t, base, "private/key.txt")
}

// Vite's rules were got around by a suffix in the query, its like (CVE-2025-32395) by a fragment; oauth2-proxy's saw the
// query, the fragment or a header instead of the path (CVE-2025-54576, CVE-2026-41059, CVE-2026-40575). What comes after
// '?' never chooses the file, and '#' in a request target is refused.
func TestAdvisory_CVE_2025_30208(t *testing.T) {
	base := world(t, "ok.txt="+inside, ".env="+canary, "a.key="+canary)
	h := openBaseDir(t, base, Config{Deny: []string{"*.key"}}).Handler(HandlerConfig{})
	for target, want := range map[string]int{
		"/ok.txt?raw??": 200, "/.env?raw??": 403, "/.env?import&raw": 403, "/a.key?.svg": 403, "/a.key?x=/ok.txt": 403, "/ok.txt?../../outside/canary.txt": 200, "/a.key?/ok.txt": 403, "/a.key%3f.txt": 404, "/a.key%23.txt": 404,
	} {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("X-Forwarded-Uri", "/ok.txt")
		r.Header.Set("X-Original-Url", "/a.key")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || strings.Contains(w.Body.String(), canary) {
			t.Errorf("GET %s = %d %q, want %d", target, w.Code, w.Body, want)
		}
	}
	d := openBaseDir(t, base, Config{})
	for _, target := range []string{"/ok.txt#", "/@fs/x#/../.env", "/#/ok.txt"} {
		if _, err := d.NameFromPath(target); ReasonOf(err) != reason.NameFragment {
			t.Errorf("%s: %v", target, err)
		}
	}
	leaksUndefended(t, base, ".env")
	leaksUndefended(t, base, "a.key")
}

// Grafana cleaned a relative path, which keeps its leading "..".
func TestAdvisory_CVE_2021_43798(t *testing.T) {
	checkAdvisory(t, linkWorld(t), advisory{twin: "naive-join", names: map[string]Reason{"sub/../../outside/canary.txt": reason.NameTraversal, "x/../../outside/canary.txt": reason.NameTraversal}})
}

// Spring normalised what it should have refused, and read what Jetty reads otherwise: more dots, semicolons, mixed slashes.
func TestAdvisory_CVE_2024_38816_CVE_2024_38819_CVE_2025_41242(t *testing.T) {
	checkAdvisory(t, world(t), advisory{names: map[string]Reason{
		".../x": reason.NameHidden, "..;/x": reason.NameHidden, "a/..;/x": reason.NameHidden, "a/...//x": reason.NameEmptyElement, `..\/x`: reason.NameBackslash, "a/./../x": reason.NameDot, "%2e%2e/x": reason.Missing,
	}})
}

// Gogs looked at the last element only (CVE-2025-8110), and took a backslash for a letter: a link may be anywhere.
func TestAdvisory_GHSA_89mr_xqfv_758m(t *testing.T) {
	checkAdvisory(t, linkWorld(t), advisory{twin: "naive-join", names: map[string]Reason{
		"dirout/canary.txt": reason.LinkRefused, "absdirout/canary.txt": reason.LinkRefused, "up/outside/canary.txt": reason.LinkRefused, "out.txt": reason.LinkRefused,
	}})
}

// FIFOs that hung file servers (merecat#2, httrack#724, bun#36156): TestFIFOs has the control.
func TestAdvisory_FIFO(t *testing.T) {
	base := world(t, "pipe |", "dir/pipe |", "link => pipe")
	both(t, func(t *testing.T, noOpenat2 bool) {
		h := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2}).Handler(HandlerConfig{})
		for _, target := range []string{"/pipe", "/dir/pipe", "/link"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
			if w.Code != 404 {
				t.Errorf("GET %s = %d", target, w.Code)
			}
		}
	})
}

// Many Flask applications (CVE-2022-31588 and its batch) joined the user's name with os.path.join, where an absolute one
// replaces the base, or let the user name the directory.
func TestAdvisory_CVE_2022_31588(t *testing.T) {
	base := world(t)
	out := expand("OUT/canary.txt", base)
	checkAdvisory(t, base, advisory{twin: "absolute-join", names: map[string]Reason{out: reason.NameAbsolute}})
	d := openBaseDir(t, base, Config{})
	for _, dir := range []string{expand("OUT", base), "../outside", "/"} {
		if _, err := d.Sub(dir); Status(err) != 403 {
			t.Errorf("Sub(%q) = %v", dir, err)
		}
	}
}
