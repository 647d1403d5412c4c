package probe

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/attack"
)

// A canary is recognised in every form that a server may send it in, and in a part of it.
func TestSecretForms(t *testing.T) {
	s := newSecret()
	file := s.lines("1a")
	pack := func(f func(*bytes.Buffer)) []byte {
		var b bytes.Buffer
		f(&b)
		return b.Bytes()
	}
	zipped := pack(func(b *bytes.Buffer) {
		z := gzip.NewWriter(b)
		_, _ = z.Write(file)
		_ = z.Close()
	})
	archive := pack(func(b *bytes.Buffer) {
		z := zip.NewWriter(b)
		w, err := z.Create("x")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(file)
		_ = z.Close()
	})
	for name, body := range map[string][]byte{
		"plain": file, "part": file[7:60], "upper": bytes.ToUpper(file), "gzip": zipped, "cut gzip": zipped[:len(zipped)-9], "zip": archive,
		"base64": []byte(`{"data":"` + base64.StdEncoding.EncodeToString(file) + `"}`), "url base64": []byte(base64.RawURLEncoding.EncodeToString(file[1:])),
		"base64 of a part": []byte(base64.StdEncoding.EncodeToString(file[2:])), "hex": []byte(hex.EncodeToString(file)),
		"utf-16": []byte(strings.Join(strings.Split(string(file), ""), "\x00")), "gzip in gzip": pack(func(b *bytes.Buffer) {
			z := gzip.NewWriter(b)
			_, _ = z.Write(zipped)
			_ = z.Close()
		}),
	} {
		if _, ok := s.in(&answer{status: 200, body: body}); !ok {
			t.Errorf("not recognised: %s", name)
		}
		if _, ok := newSecret().in(&answer{status: 200, body: body}); ok {
			t.Errorf("another secret is recognised: %s", name)
		}
	}
	if _, ok := s.in(&answer{status: 302, header: []field{{"Location", "/x?" + s.text}}}); !ok {
		t.Error("not recognised in a header")
	}
}

// The rank test sees a difference that is there, and none where there is none, whatever the noise.
func TestCompareTimes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) // the same numbers each time
	sample := func(n int, base time.Duration) (d []time.Duration) {
		for range n {
			noise := time.Duration(r.ExpFloat64() * float64(200*time.Microsecond))
			if r.IntN(20) == 0 {
				noise += 20 * time.Millisecond // another process had the CPU
			}
			d = append(d, base+noise)
		}
		return d
	}
	if c := compareTimes(sample(200, 2*time.Millisecond), sample(200, time.Millisecond)); c.p > 1e-9 || !c.large() || c.bias < 0.5 {
		t.Errorf("a millisecond more: %+v", c)
	}
	if c := compareTimes(sample(200, time.Millisecond), sample(200, time.Millisecond+20*time.Microsecond)); c.large() {
		t.Errorf("20 microseconds are called large: %+v", c)
	}
	certain := 0
	for range 2000 {
		if c := compareTimes(sample(firstSamples, time.Millisecond), sample(firstSamples, time.Millisecond)); c.p < 1e-3 {
			certain++
		}
	}
	if certain > 10 { // 2 are expected
		t.Errorf("%d of 2000 comparisons of the same thing have a probability below 1e-3", certain)
	}
	same := []time.Duration{1, 1, 1}
	if c := compareTimes(same, same); c.p != 1 || c.bias != 0.5 {
		t.Errorf("all the same: %+v", c)
	}
}

// What changes with time, or at random, tells nothing about existence.
func TestDiffer(t *testing.T) {
	f := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for _, tt := range []struct {
		yes, no []map[string]string
		want    string
	}{
		{[]map[string]string{f("status", "403"), f("status", "403")}, []map[string]string{f("status", "404"), f("status", "404")}, "status"},
		{[]map[string]string{f("status", "404", "body", "a")}, []map[string]string{f("status", "404", "body", "b")}, "body"},
		{[]map[string]string{f("body", "1"), f("body", "3")}, []map[string]string{f("body", "2"), f("body", "4")}, ""},
		{[]map[string]string{f("body", "1"), f("body", "1")}, []map[string]string{f("body", "1"), f("body", "2")}, ""},
		{[]map[string]string{f("header x", "1")}, []map[string]string{f()}, "header x"},
	} {
		if got := differ(tt.yes, tt.no); got != tt.want {
			t.Errorf("%v and %v differ by %q, want %q", tt.yes, tt.no, got, tt.want)
		}
	}
}

// An answer that repeats the name asked for tells nothing, nor does one that names it whatever was asked for.
func TestFeatures(t *testing.T) {
	of := func(body, header string) *answer {
		return &answer{status: 404, header: []field{{"X-File", header}}, body: []byte(body)}
	}
	for _, tt := range []struct{ there, gone *answer }{
		{of("no a.txt", "a.txt"), of("no b.txt", "b.txt")}, {of("here are a.txt and c.txt", "a.txt"), of("here are a.txt and c.txt", "a.txt")},
	} {
		yes, no := features(tt.there, tt.gone, "a.txt"), features(tt.gone, tt.there, "b.txt")
		if what := differ([]map[string]string{yes}, []map[string]string{no}); what != "" {
			t.Errorf("%s and %s differ by %s", tt.there.body, tt.gone.body, what)
		}
	}
	yes, no := features(of("a.txt is elsewhere", ""), of("no b.txt", ""), "a.txt"), features(of("no b.txt", ""), of("a.txt is elsewhere", ""), "b.txt")
	if what := differ([]map[string]string{yes}, []map[string]string{no}); what == "" {
		t.Error("the control failed: what tells the two apart is not seen")
	}
}

// The name in a case is replaced in all three spellings, and a case of the corpus without one is left alone.
func TestRenamed(t *testing.T) {
	l := attack.Layout{Base: "/srv/files", File: "ok.txt", Dir: "sub", Canaries: []attack.Canary{{Name: "../rb0123456789.txt"}}}
	for _, c := range attack.Corpus(l) {
		other := renamed(c, "rb0123456789.txt", "rbabcdefabcd.txt")
		for _, s := range []string{other.Target, other.Query, other.Text} {
			if strings.Contains(s, "0123456789") {
				t.Errorf("%s: %q still names the first", c.Name, s)
			}
		}
		if len(other.Target) != len(c.Target) {
			t.Errorf("%s: another length", c.Name)
		}
	}
}

func TestShell(t *testing.T) {
	for in, want := range map[string]string{
		"plain.txt": "plain.txt", "a b": "'a b'", "it's": `'it'\''s'`, "a\nb\x00'\\\xff": `$'a\012b\000\047\134\377'`, `\`: `$'\134'`, "": "''", "$HOME`id`": "'$HOME`id`'",
	} {
		if got := shell(in); got != want {
			t.Errorf("shell(%q) = %s, want %s", in, got, want)
		}
	}
}

// TestShellsRunNothing: what a server or a file name says is one word to any shell, also to one that does not know $'...', and the
// same bytes to bash.
func TestShellsRunNothing(t *testing.T) {
	run := func(shell, script string) (out string, ran bool) {
		dir := t.TempDir()
		cmd := exec.Command(shell, "-c", script)
		cmd.Dir = dir
		text, _ := cmd.Output() // a shell may refuse it
		_, err := os.Stat(filepath.Join(dir, "ran"))
		return string(text), err == nil
	}
	for _, word := range []string{
		"x'; touch ran #\xff", "x'; touch ran; '\xff", "\xffx\\'; touch ran; '", "$(touch ran)", "`touch ran`", "x\ntouch ran\n", "x\\", `x\'; touch ran #`, "x;touch ran", "-n", "*", "~", "!touch", "a\rb", "{a,b}", "x\x1b[31m", "é'; touch ran; 'é",
	} {
		for _, sh := range []string{"sh", "bash"} {
			out, ran := run(sh, "printf %s "+shell(word))
			if ran || sh == "bash" && out != word {
				t.Errorf("%s: %s is %q (want %q), and something ran: %t", sh, shell(word), out, word, ran)
			}
		}
	}
	if out, _ := run("sh", "printf %s $'a'"); out == "$a" { // it does not know them
		if _, ran := run("sh", `printf %s $'x\'; touch ran #'`); !ran {
			t.Error("the control failed: a quote that is written as one ends no word")
		}
	}
}

// jsonText is what a JSON string holds; bytes that are no UTF-8 stay.
func TestJSONText(t *testing.T) {
	for in, want := range map[string]string{`a"b\c`: `a\"b\\c`, "x\n\x00": `x\n\u0000`, "\xff.": "\xff.", `""`: `\"\"`, "é": "é"} {
		if got := jsonText(in); got != want {
			t.Errorf("jsonText(%q) = %q, want %q", in, got, want)
		}
	}
}

// A host is this machine where all its addresses are; any other has to be named, by the very name of the URL.
func TestPermit(t *testing.T) {
	for _, tt := range []struct {
		host, addresses, authorized string
		ok                          bool
	}{
		{"localhost", "127.0.0.1 ::1", "", true},
		{"127.8.9.10", "127.8.9.10", "", true},
		{"mapped", "::ffff:127.0.0.1", "", true},
		{"rebound.example", "127.0.0.1 192.0.2.1", "", false},
		{"rebound.example", "::1 2001:db8::1", "", false},
		{"all", "0.0.0.0", "", false},
		{"all6", "::", "", false},
		{"linklocal", "fe80::1", "", false},
		{"mapped", "::ffff:192.0.2.1", "", false},
		{"a.example", "192.0.2.1", "b.example", false},
		{"a.example", "192.0.2.1", "192.0.2.1", false},
		{"a.example", "192.0.2.1", "example", false},
		{"a.example", "192.0.2.1", "A.EXAMPLE", true},
	} {
		var ips []net.IPAddr
		for _, s := range strings.Fields(tt.addresses) {
			ips = append(ips, net.IPAddr{IP: net.ParseIP(s)})
		}
		to := &target{host: tt.host}
		if err := to.permit(ips, []string{tt.authorized}); (err == nil) != tt.ok {
			t.Errorf("%s, which is %s, with %q authorized: %v", tt.host, tt.addresses, tt.authorized, err)
		}
		if to.loopback && tt.authorized != "" {
			t.Errorf("%s is taken for this machine, and not asked slowly", tt.host)
		}
	}
}

// What a server says of the place of a canary is not believed further than there are directories.
func TestReadBounds(t *testing.T) {
	g := &garden{base: "/srv/www/files"}
	for body, want := range map[string]string{
		"": "", "0123456789abcdef-2b": "/srv/rb.txt", "0123456789abcdef-si": "/srv/www/index.html", "0123456789abcdef-99999999999999999999a": "/rb.txt",
	} {
		if got := g.read(&answer{body: []byte(body)}, "rb.txt"); got != want {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
	}
}

// A credential that is sent along is in no report; what the attack itself is, is.
func TestCredentialsStayOut(t *testing.T) {
	to := &target{scheme: "http", hostPort: "127.0.0.1:1", addr: "127.0.0.1:1"}
	secrets := []string{"Authorization: Bearer s3cret", "authorization:s3cret", "X-Api-Key: s3cret", "Cookie: session=s3cret; s3cret; theme=s3cret", "Accept-Language: de"}
	for _, mode := range []Mode{Path, Header, Cookie} {
		c := &Config{URL: "http://127.0.0.1:1/", Mode: mode, Headers: secrets}
		switch mode {
		case Header:
			c.Headers = append(secrets[:5:5], "X-File: "+Place)
		case Cookie:
			c.Cookie = "session=s3cret; file=" + Place
		}
		if err := c.complete(); err != nil {
			t.Fatal(err)
		}
		w, hide := newWriter(c, "/"), newPrivate(c)
		for _, name := range []string{"../x", "../x\x00"} {
			r, ok := w.write(attack.Case{Class: "test", Target: "/" + name, Query: "..%2fx", Text: name})
			if mode == Path && strings.Contains(name, "\x00") {
				r.headers = append(r.headers, "X-Nul: \x00") // has it go another way
			} else if !ok {
				continue
			}
			text := curl(to, r, hide, "HTTP/1.1")
			if strings.Contains(text, "s3cret") {
				t.Errorf("%s: a credential is shown: %s", mode, text)
			}
			if !strings.Contains(text, "/x") && !strings.Contains(text, "%2fx") || !strings.Contains(text, "Accept-Language: de") {
				t.Errorf("%s: what matters is missing: %s", mode, text)
			}
		}
	}
}
