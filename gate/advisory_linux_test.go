package gate_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/gate"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/testenv"
)

// believing names its file as Rack::Sendfile did before its advisories: the request says which header is read, and by which
// mapping, a regular expression, the path becomes that of the header.
func believing(path *string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch strings.ToLower(r.Header.Get("X-Sendfile-Type")) {
		case "x-accel-redirect":
			internal, external, _ := strings.Cut(r.Header.Get("X-Accel-Mapping"), "=")
			if re, err := regexp.Compile(internal); err == nil {
				w.Header().Set("X-Accel-Redirect", re.ReplaceAllString(*path, external))
			}
		default:
			w.Header().Set("X-Sendfile", *path)
		}
	}
}

// asked is what an application of a test answers without a gate.
func asked(t *testing.T, url string, headers ...string) *attack.Answer {
	t.Helper()
	c := &attack.Client{Addr: strings.TrimPrefix(url, "http://")}
	defer func() { _ = c.Close() }()
	a, err := c.Do("GET", "/", headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A client has an application name another file, by telling it what stands in front and how paths are mapped.
func TestAdvisory_CVE_2025_61780_client_mapping(t *testing.T) {
	var path string
	url := app(t, believing(&path))
	g := start(t, url, func(u *setup) { u.up.Accel = []gate.Accel{{Prefix: "/protected/", Dir: u.dir}} })
	path = g.file(t, "mine.txt", "mine\n")
	other := g.file(t, "others.txt", "others\n")
	speech := []string{"X-Sendfile-Type: x-accel-redirect", "X-Accel-Mapping: .*=/protected/others.txt"}
	if a := asked(t, url, speech...); a.Header.Get("X-Accel-Redirect") != "/protected/others.txt" {
		t.Fatalf("the control names %q: the attack shows nothing", a.Header)
	}
	for _, headers := range [][]string{speech, {"X_Sendfile_Type: x-accel-redirect", "X_Accel_Mapping: .*=" + other}, {"x-sendfile.type: x-accel-redirect", speech[1]}} {
		if a := g.get(t, "/", headers...); a.Status != 200 || string(a.Body) != "mine\n" {
			t.Errorf("%q = %d %q", headers, a.Status, a.Body)
		}
	}
	if got := string(g.get(t, asking("X-Accel-Redirect", "/protected/others.txt"), speech...).Body); got != "mine\n" {
		t.Errorf("%q", got)
	}
}

// A mapping is text: no character in it stands for others.
func TestAdvisory_CVE_2026_34830_mapping_is_no_pattern(t *testing.T) {
	url := app(t, naming)
	g := start(t, url, func(u *setup) {
		u.up.Accel = []gate.Accel{{Prefix: "/p.*[a-z]+$1/", Dir: u.dir, Paths: []string{"/srv/a.b"}}}
		u.up.Roots = []gate.Root{{Paths: []string{"/srv/v1.0/(x)"}, Dir: u.dir}}
	})
	l := g.layout
	for _, tt := range []struct {
		header, value string
		status        int
	}{
		{"X-Sendfile", "/srv/v1.0/(x)/" + l.File, 200},
		{"X-Sendfile", "/srv/v1x0/(x)/" + l.File, 404},
		{"X-Sendfile", "/srv/v1.0/x/" + l.File, 404},
		{"X-Accel-Redirect", "/p.*[a-z]+$1/" + l.File, 200},
		{"X-Accel-Redirect", "/pabc/" + l.File, 404},
		{"X-Accel-Redirect", "/p.*z$1/" + l.File, 404},
	} {
		if a := g.get(t, asking(tt.header, tt.value)); a.Status != tt.status {
			t.Errorf("%s: %s = %d, want %d", tt.header, tt.value, a.Status, tt.status)
		}
	}
	// The control: read as a pattern, the root has the path beside it too.
	if !regexp.MustCompile("^/srv/v1.0/").MatchString("/srv/v1x0/(x)/") {
		t.Error("the control does not match")
	}
}

// An application that is not trusted with files names one, also one of another application's.
func TestAdvisory_openwhisk_apigateway_330_untrusted_upstream(t *testing.T) {
	url := app(t, naming)
	g := start(t, url, func(u *setup) {
		mine := u.up
		mine.Accel = []gate.Accel{{Prefix: "/protected/", Dir: u.dir}}
		u.cfg.Upstreams = []gate.Upstream{mine, {URL: url, At: "/untrusted"}}
	})
	l := g.layout
	for header, value := range map[string]string{"X-Sendfile": l.Base + "/" + l.File, "X-Lighttpd-Send-File": l.Base + "/" + l.File, "X-Accel-Redirect": "/protected/" + l.File} {
		if a := g.get(t, asking(header, value)); a.Status != 200 || string(a.Body) != l.Body {
			t.Errorf("its own %s = %d", header, a.Status)
		}
		if wrong := isUniform(g, g.get(t, "/untrusted"+asking(header, value))); wrong != "" {
			t.Errorf("%s of the untrusted: %s", header, wrong)
		}
	}
}

// A prefix without its slash, or with dots behind it, is not the prefix.
func TestAdvisory_presenton_630_NPMplus_3807_off_by_slash(t *testing.T) {
	url := app(t, naming)
	for _, prefix := range []string{"/protected/", "/protected"} {
		g := start(t, url, func(u *setup) { u.up.Accel = []gate.Accel{{Prefix: prefix, Dir: u.dir}} })
		l := g.layout
		beside := filepath.Base(l.Outside()[0].Name)
		writeFile(t, filepath.Join(filepath.Dir(l.Base), beside), l.Outside()[0].Token)
		for _, value := range []string{"/protected../" + beside, "/protected..%2f" + beside, "/protected%2e%2e/" + beside, "/protected/../" + beside, "/protected" + l.File} {
			if wrong := isUniform(g, g.get(t, asking("X-Accel-Redirect", value))); wrong != "" {
				t.Errorf("%s of %s: %s", value, prefix, wrong)
			}
		}
		// The control: nginx's alias without a slash appends what follows the prefix to the directory.
		body, err := os.ReadFile(l.Base + "/" + strings.TrimPrefix("/protected../"+beside, "/protected/"))
		if err == nil {
			t.Errorf("with the slash %q is open too", body)
		}
		if body, err := os.ReadFile(l.Base + "/" + strings.TrimPrefix("/protected../"+beside, "/protected")); err != nil || string(body) != l.Outside()[0].Token {
			t.Errorf("the control does not leak: %v", err)
		}
	}
}

// Who may is asked about the path that is opened: not about the query, a fragment, or what a client says was asked for.
func TestAdvisory_CVE_2025_54576_CVE_2026_41059_CVE_2026_40575_ask(t *testing.T) {
	questions := make(chan string, 100)
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/may" {
			questions <- strings.Join(append(r.Header["X-Original-Uri"], append(r.Header["X-Forwarded-Uri"], r.Header["X_forwarded_uri"]...)...), "|")
			if strings.HasPrefix(r.Header.Get("X-Original-Uri"), "/files/public.txt") {
				return
			}
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, "reached")
	})
	g := start(t, url, func(u *setup) { u.up.Take, u.up.Ask = []string{"GET /files/{name}"}, "/may" })
	g.file(t, "public.txt", "public\n")
	g.file(t, "private.txt", "private\n")
	for _, tt := range []struct {
		target, header, question string
		status                   int
	}{
		{"/files/public.txt", "", "/files/public.txt", 200},
		{"/files/private.txt", "", "/files/private.txt", 403},
		{"/files/private.txt?x=/files/public.txt", "", "/files/private.txt?x=/files/public.txt", 403},
		{"/files/private.txt", "X-Forwarded-Uri: /files/public.txt", "/files/private.txt", 403},
		{"/files/private.txt", "X-Original-URI: /files/public.txt", "/files/private.txt", 403},
		{"/files/private.txt", "X_Original_URI: /files/public.txt", "/files/private.txt", 403},
		{"/files/public.txt#/../private.txt", "", "", 400},
		{"/files/private.txt#/files/public.txt", "", "", 400},
		{"/files/public.txt/../private.txt", "", "", 403},
		{"/files/public.txt%2f..%2fprivate.txt", "", "", 403},
	} {
		var headers []string
		if tt.header != "" {
			headers = []string{tt.header}
		}
		a := g.get(t, tt.target, headers...)
		question := ""
		select {
		case question = <-questions:
		default:
		}
		if a.Status != tt.status || tt.question != "" && question != tt.question || strings.Contains(string(a.Body), "private") || strings.Contains(string(a.Body), "reached") {
			t.Errorf("%s %s = %d %q, asked about %q", tt.target, tt.header, a.Status, a.Body, question)
		}
	}
}

// A client says who it is in a spelling that the application takes for the proxy's. The control is PHP by itself.
func TestAdvisory_CVE_2025_64484_CVE_2026_52845_GHSA_xqp3_jq6g_x3qm_twins(t *testing.T) {
	script := filepath.Join(t.TempDir(), "index.php")
	if err := os.WriteFile(script, []byte(`<?php foreach (["REMOTE_USER", "X_FORWARDED_USER", "X_ACCEL_MAPPING"] as $k) echo $k, "=", $_SERVER["HTTP_$k"] ?? "", "\n";`), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port := freeAddr(t)
	url := "http://" + host + ":" + port
	testenv.Start(t, exec.Command(testenv.Need(t, "php"), "-S", host+":"+port, script), testenv.Answers(url+"/"))
	g := start(t, url, nil)
	for _, spoken := range []string{
		"Remote-User: root", "Remote_User: root", "REMOTE.USER: root", "Remote.User: root", "X-Forwarded-User: root", "X_Forwarded_User: root",
		"X-Forwarded.User: root", "X-Accel-Mapping: root", "X.Accel_Mapping: root",
	} {
		if a := asked(t, url, spoken); !strings.Contains(string(a.Body), "=root") {
			t.Errorf("the control does not believe %q: %q", spoken, a.Body)
		}
		if a := g.get(t, "/", spoken); a.Status != 200 || strings.Contains(string(a.Body), "=root") {
			t.Errorf("%q = %d %q", spoken, a.Status, a.Body)
		}
	}
}

// What an application and a client say is one line in the log, without escapes.
func TestAdvisory_CVE_2025_27111_what_was_named_in_the_log(t *testing.T) {
	g := start(t, app(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Sendfile", "=?utf-8?q?/srv/x=0D=0Alevel=3DERROR_msg=3Dforged=1B[31m?=")
		_, _ = io.WriteString(w, r.URL.Path)
	}), nil)
	if wrong := isUniform(g, g.get(t, "/a%0d%0alevel=ERROR%1b[31m")); wrong != "" {
		t.Error(wrong)
	}
	g.logs(t, "the application named a file that is not sent")
	log := g.log.String()
	if strings.Contains(log, "\x1b") || strings.Contains(log, "\nlevel=ERROR") {
		t.Errorf("the log: %q", log)
	}
}
