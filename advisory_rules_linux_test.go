package rootbound

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/deptest"
)

// os.Root's Chmod followed a link that was swapped in, since fchmodat(2) ignores NOFOLLOW on Linux. Modes are set on
// descriptors alone here; nothing in what ships names a file to change it.
func TestAdvisory_CVE_2026_32282(t *testing.T) {
	byName := []string{
		"os.Chmod", "os.Chown", "os.Lchown", "os.Chtimes", "os.Truncate",
		"syscall.Chmod", "syscall.Fchmodat", "golang.org/x/sys/unix.Chmod", "golang.org/x/sys/unix.Fchmodat",
	}
	permits := deptest.Permits(t, `
server/unix.go: os.Chmod # the socket that was just bound, in the operator's own directory
cmd/rootbound/listen_unix.go: os.Lchown # the same socket, which follows no link
`)
	for _, wrong := range deptest.Check(deptest.Uses(t, deptest.Packages(t), byName), permits) {
		t.Error(wrong)
	}
}

// Prefixes of strings: a sibling whose name begins with the base's (Rack::Directory), and a prefix that ends inside an
// element (Rack::Static, goshs, OpenList, copyparty): both are matters of whole elements here.
func TestAdvisory_CVE_2026_22860_CVE_2026_34785_CVE_2026_49244_CVE_2026_40876_GHSA_86cx_wwf4_phq4_boundaries(t *testing.T) {
	base := world(t, "css/a.css=css", "css-config.env=SECRET", "share/a=a", "share-private/a=SECRET")
	sibling := base + "_secret"
	if err := errors.Join(os.Mkdir(sibling, 0o755), os.WriteFile(filepath.Join(sibling, "canary.txt"), []byte(canary), 0o644)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sibling) })
	control := filepath.Join(base, "../"+filepath.Base(sibling)+"/canary.txt")
	if got, err := os.ReadFile(control); err != nil || !strings.HasPrefix(control, base) || string(got) != canary {
		t.Errorf("control: the joined path has the base's prefix and is outside: %q, %v", got, err)
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		for _, name := range []string{"../" + filepath.Base(sibling) + "/canary.txt", "..%2f" + filepath.Base(sibling) + "/canary.txt"} {
			if got, why := rawAnswer(d, name); why == served {
				t.Errorf("openConfined(%q) = %q", name, got)
			}
		}
		share, err := d.Sub("share")
		if err != nil {
			t.Fatal(err)
		}
		defer share.Close()
		h := share.Handler(HandlerConfig{Prefix: "/s"})
		for target, want := range map[string]int{"/s/a": 200, "/s-private/a": 404, "/sa": 404, "/s/../share-private/a": 403, "/s/..%2fshare-private/a": 403} {
			if got := get(h, target); got.Code != want || strings.Contains(got.Body.String(), "SECRET") {
				t.Errorf("GET %s = %d %q, want %d", target, got.Code, got.Body, want)
			}
		}
	})
}

// A share of a file's directory showed its siblings (filebrowser, copyparty): a Sub is a descriptor of its own, of
// nothing but itself.
func TestAdvisory_CVE_2026_28492_GHSA_67rw_2x62_mqqm_share_root(t *testing.T) {
	base := world(t, "docs/share/a=a", "docs/sibling=SECRET")
	both(t, func(t *testing.T, noOpenat2 bool) {
		share, err := openBaseDir(t, base, Config{noOpenat2: noOpenat2}).Sub("docs/share")
		if err != nil {
			t.Fatal(err)
		}
		defer share.Close()
		for _, name := range []string{"../sibling", "docs/sibling", "sibling", "share/a", "..", "../"} {
			if got, why := rawAnswer(share, name); why == served {
				t.Errorf("openConfined(%q) = %q", name, got)
			}
		}
		if got, why := answer(share, "a"); got != "a" || why != served {
			t.Errorf("Open(a) = %q, %q", got, why)
		}
	})
	if got, err := os.ReadFile(filepath.Join(base, "docs/share", "../sibling")); string(got) != "SECRET" {
		t.Errorf("control: the joined path reads %q, %v", got, err)
	}
}

// Rules that looked at one spelling while the file was opened by another: a doubled slash, a name not yet cleaned, a
// rule that hit a longer name (filebrowser), an allowlist that was no gate (Rack::Static).
func TestAdvisory_CVE_2026_25890_CVE_2026_32758_CVE_2026_35605_CVE_2025_27610_rules(t *testing.T) {
	base := world(t, "private/a=SECRET", "uploads/a=SECRET", "uploads_backup/a=backup", "public/a.txt=public", "public/a.env=SECRET", "other.txt=SECRET")
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Deny: []string{"/private", "/uploads"}, noOpenat2: noOpenat2})
		for _, target := range []string{
			"/private/a", "//private/a", "/./private/a", "/x/../private/a", "/private//a", "/private/./a", "/%70rivate/a", "/private/%61", "/private%2fa",
			"/uploads/a", "/uploads//a", "/uploads/../uploads/a",
		} {
			if got := get(d.Handler(HandlerConfig{}), target); got.Code == 200 || strings.Contains(got.Body.String(), "SECRET") {
				t.Errorf("GET %s = %d %q", target, got.Code, got.Body)
			}
		}
		if got := get(d.Handler(HandlerConfig{}), "/uploads_backup/a"); got.Code != 200 || got.Body.String() != "backup" {
			t.Errorf("the rule for uploads hits uploads_backup: %d", got.Code)
		}
		gate := openBaseDir(t, base, Config{Allow: []string{"/public/*.txt"}, noOpenat2: noOpenat2})
		for target, want := range map[string]int{"/public/a.txt": 200, "/public/a.env": 403, "/other.txt": 403, "/private/a": 403, "/public/a.txt/": 404} {
			if got := get(gate.Handler(HandlerConfig{}), target); got.Code != want {
				t.Errorf("allowlist: GET %s = %d, want %d", target, got.Code, want)
			}
		}
	})
	// The control judges the text as it came, and opens what it joins to.
	naive := func(name string) ([]byte, error) {
		if strings.HasPrefix(name, "private/") {
			return nil, os.ErrPermission
		}
		return os.ReadFile(filepath.Join(base, name))
	}
	if got, err := naive("/private/a"); string(got) != "SECRET" {
		t.Errorf("control: %q, %v", got, err)
	}
}

// Active content that was stored by one user ran in another's session (SFTPGo, copyparty, filebrowser), and a download's name was
// taken from the URL (Sinatra, django-sendfile2).
func TestAdvisory_CVE_2026_49245_CVE_2023_38501_CVE_2022_45442_CVE_2026_27948_GHSA_mmpx_jh39_wrv6_active_content(t *testing.T) {
	const script = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	base := world(t, "a.svg="+script, "a.html="+script, "a.xml="+script, "a.xhtml="+script, "noext="+script, "b.txt="+script)
	both(t, func(t *testing.T, noOpenat2 bool) {
		h := openBaseDir(t, base, Config{noOpenat2: noOpenat2}).Handler(HandlerConfig{})
		for _, name := range []string{"a.svg", "a.html", "a.xml", "a.xhtml"} {
			if got := get(h, "/"+name+"?inline&download=x.exe").Header(); got.Get("Content-Security-Policy") != "sandbox" {
				t.Errorf("%s: Content-Security-Policy %q", name, got.Get("Content-Security-Policy"))
			}
		}
		for _, name := range []string{"noext", "b.txt"} {
			got := get(h, "/"+name+"?setup.bat").Header()
			if ct := got.Get("Content-Type"); strings.Contains(ct, "svg") || strings.Contains(ct, "html") || strings.Contains(ct, "xml") {
				t.Errorf("%s is sent as %s", name, ct)
			}
			if got.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(got.Get("Content-Disposition"), "setup.bat") {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
	w := httptest.NewRecorder()
	http.FileServer(http.Dir(base)).ServeHTTP(w, httptest.NewRequest("GET", "/a.svg", nil))
	if w.Code != 200 || w.Header().Get("Content-Security-Policy") != "" {
		t.Errorf("control: %d %v", w.Code, w.Header())
	}
}

// The base's own path, used as a pattern, was disclosed where it held a metacharacter (Rack::Directory).
func TestAdvisory_CVE_2026_34763(t *testing.T) {
	for _, odd := range []string{"a+b(c", "[x", `\d*`, "%2e", "?", "c++"} {
		base := filepath.Join(world(t), odd)
		if err := errors.Join(os.Mkdir(base, 0o755), os.WriteFile(filepath.Join(base, "a"), []byte("a"), 0o644)); err != nil {
			t.Fatal(err)
		}
		both(t, func(t *testing.T, noOpenat2 bool) {
			d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
			for _, target := range []string{"/a", "/missing", "/a/b", "/.."} {
				got := get(d.Handler(HandlerConfig{Index: true}), target)
				var header bytes.Buffer
				_ = got.Header().Write(&header)
				if want := map[string]int{"/a": 200, "/..": 403}[target]; want != 0 && got.Code != want || want == 0 && got.Code != 404 {
					t.Errorf("base %q: GET %s = %d", odd, target, got.Code)
				}
				if all := header.String() + got.Body.String(); strings.Contains(all, filepath.Dir(base)) {
					t.Errorf("base %q: GET %s discloses it: %s", odd, target, all)
				}
			}
		})
	}
}

// nginx's "location /static { alias /srv/static/; }" joined "../" to the alias. A prefix here ends with an element.
func TestAdvisory_alias_off_by_slash(t *testing.T) {
	base := world(t, "static/a=a", "server.py=SECRET")
	both(t, func(t *testing.T, noOpenat2 bool) {
		static, err := openBaseDir(t, base, Config{noOpenat2: noOpenat2}).Sub("static")
		if err != nil {
			t.Fatal(err)
		}
		defer static.Close()
		for _, prefix := range []string{"/static", "/static/"} {
			h := static.Handler(HandlerConfig{Prefix: prefix})
			for target, want := range map[string]int{"/static/a": 200, "/static../server.py": 404, "/static..%2fserver.py": 404, "/static/../server.py": 403, "/statica": 404} {
				if got := get(h, target); got.Code != want {
					t.Errorf("prefix %s: GET %s = %d, want %d", prefix, target, got.Code, want)
				}
			}
		}
	})
	alias := func(target string) ([]byte, error) {
		return os.ReadFile(filepath.Join(base, "static/") + "/" + strings.TrimPrefix(target, "/static"))
	}
	if got, err := alias("/static../server.py"); string(got) != "SECRET" {
		t.Errorf("control: %q, %v", got, err)
	}
}

// get asks a handler for a target exactly as it is spelled.
func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return w
}
