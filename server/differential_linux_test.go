package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
	"github.com/rootbound/rootbound/internal/lane"
	"github.com/rootbound/rootbound/internal/undefended"
)

// twins are two servers of one directory: with the fast lane and without.
func twins(t *testing.T, files map[string]string, change func(*setup)) (quick, general *served) {
	t.Helper()
	quick = serve(t, files, change)
	general = serve(t, nil, func(u *setup) {
		change(u)
		u.base, u.cfg.NoFastLane = quick.base, true
	})
	if _, err := talk(quick, []string{"GET /-/readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"}, nil); err != nil || !quick.quick() {
		t.Fatal("the fast lane is not at work")
	}
	return quick, general
}

// answeredFast is how many requests the fast lane has answered.
func answeredFast(t *testing.T, s *served) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(s.metric(t, `rootbound_request_seconds_count{lane="fast"}`), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// talk sends bytes in parts over a connection of its own, and reads what comes back until the end. heads says of each
// answer whether it is one to HEAD.
func talk(s *served, parts []string, heads []bool) ([]bare, error) {
	var c interface {
		net.Conn
		CloseWrite() error
	}
	tc, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	if c = tc.(*net.TCPConn); s.tls {
		c = tls.Client(tc, &tls.Config{InsecureSkipVerify: true})
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	for _, p := range parts {
		if _, err := io.WriteString(c, p); err != nil {
			break // refused before the end; the answer counts
		}
	}
	_ = c.CloseWrite()
	all, err := io.ReadAll(c)
	if err != nil && len(all) == 0 {
		return nil, err
	}
	return answers(all, heads)
}

func answers(all []byte, heads []bool) (out []bare, err error) {
	r := bufio.NewReader(bytes.NewReader(all))
	for i := 0; ; i++ {
		if _, err := r.Peek(1); err != nil {
			return out, nil
		}
		method := "GET"
		if i < len(heads) && heads[i] {
			method = "HEAD"
		}
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return out, fmt.Errorf("answer %d of %q: %w", i, all, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return out, fmt.Errorf("body %d of %q: %w", i, all, err)
		}
		if len(res.TransferEncoding) > 0 {
			res.Header.Set("Transfer-Encoding", strings.Join(res.TransferEncoding, ","))
		}
		out = append(out, stripped(&attack.Answer{Status: res.StatusCode, Header: res.Header, Body: unbound(res.Header, body)}))
	}
}

// unbound takes the random boundary out of a multipart answer.
func unbound(h http.Header, body []byte) []byte {
	ctype, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || ctype != "multipart/byteranges" {
		return body
	}
	h.Set("Content-Type", ctype)
	return bytes.ReplaceAll(body, []byte(params["boundary"]), []byte("boundary"))
}

// headsOf says which of the requests that the strict parser takes are HEAD, how many there are, and whether bytes are
// left that it does not take.
func headsOf(raw string) (heads []bool, foreign bool) {
	var r lane.Request
	b := []byte(raw)
	for len(b) > 0 {
		n, v := r.Parse(b)
		if v != lane.Complete {
			return heads, true
		}
		heads = append(heads, r.Method == "HEAD")
		b = b[n:]
		if r.Close {
			return heads, false
		}
	}
	return heads, false
}

// sameOnBoth sends bytes to both servers and compares all answers.
func sameOnBoth(t *testing.T, quick, general *served, parts ...string) {
	t.Helper()
	same(t, quick, general, parts, parts)
}

// sameByteByByte sends each byte by itself to the fast lane, and all at once to net/http.
func sameByteByByte(t *testing.T, quick, general *served, raw string) {
	t.Helper()
	same(t, quick, general, strings.Split(raw, ""), []string{raw})
}

func same(t *testing.T, quick, general *served, parts, toGeneral []string) {
	t.Helper()
	heads, _ := headsOf(strings.Join(parts, ""))
	got, err1 := talk(quick, parts, heads)
	want, err2 := talk(general, toGeneral, heads)
	if (err1 == nil) != (err2 == nil) {
		t.Errorf("%q: fast lane: %v; net/http: %v", parts, err1, err2)
	} else if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%q: the fast lane differs from net/http (-net/http +fast):\n%s", parts, diff)
	}
}

var diffTree = map[string]string{
	"a.txt": "hello\n", "sub/b.txt": "bee\n", "page.html": "<p>hi", "p.svg": "<svg/>", ".env": "SECRET=1", "empty": "", "ü x.txt": "umlaut\n",
	"pre.js": "let a = 1\n", "pre.js.gz": "not really gzip\n", "pre.js.br": "not really brotli\n",
	"big.txt": strings.Repeat("0123456789abcdef", 20<<10), "medium.bin": strings.Repeat("\x00\x01\x02\x03", 8<<10), "long/" + strings.Repeat("n", 200): "x",
}

func init() {
	for i := range 60 {
		diffTree[fmt.Sprintf("many/a rather long name of a file %03d.txt", i)] = "x"
	}
}

// requestCases are single requests: targets with fields.
func requestCases(etag string) (cases []string) {
	fields := []string{
		"", "If-None-Match: " + etag, "If-None-Match: W/" + etag, `If-None-Match: "x", ` + etag, "If-None-Match: *", `If-None-Match: "x"`, "If-Match: " + etag, `If-Match: "x"`,
		"If-Modified-Since: Mon, 23 Nov 2099 20:41:44 GMT", "If-Modified-Since: Mon, 23 Nov 2009 20:41:44 GMT", "If-Unmodified-Since: Mon, 23 Nov 2009 20:41:44 GMT",
		"If-Modified-Since: nonsense", "Range: bytes=0-1", "Range: bytes=2-", "Range: bytes=-2", "Range: bytes=0-0,2-3", "Range: bytes=100000-100999,5-5,-7", "Range: bytes=9999999-",
		"Range: bytes=1-2\r\nIf-Range: " + etag, "Range: bytes=1-2\r\nIf-Range: \"x\"", "Range: bytes=70000-300000", "Accept: application/json", "Accept: text/html",
		"Accept-Encoding: gzip", "Accept-Encoding: br, gzip;q=0.5", "Accept-Encoding: identity;q=0", "Accept-Encoding: *", "Want-Repr-Digest: sha-256=1", "Authorization: Basic eDp5", "Cookie: a=b",
		"X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "X-Forwarded-Proto: https", "User-Agent: x\r\nAccept: */*\r\nConnection: keep-alive",
		"Range: bytes=0-1\r\nRange: bytes=2-3", "If-None-Match: \"y\"\r\nIf-None-Match: " + etag, "Cookie: a\r\nCookie: b", "Accept: text/html\r\nAccept: application/json",
		"Connection: upgrade\r\nUpgrade: h2c", "Expect: 100-continue", "Content-Length: 0", "TE: trailers", "Odd:value", "Odd: \tvalue",
	}
	targets := []string{"/a.txt", "/big.txt", "/medium.bin", "/pre.js", "/empty", "/missing", "/many/", "/../x"}
	for _, target := range targets {
		for _, f := range fields {
			cases = append(cases, target+" "+f)
		}
	}
	for _, target := range []string{
		"/", "/sub", "/sub/", "/page.html", "/p.svg", "/%61.txt", "/%c3%bc%20x.txt", "/a.txt?x", "/a.txt?%zz", "/a.txt/", "//a.txt", "/./a.txt", "/.env", "/%ff", "/%00", "/%zz", "/a%2fb", "/a\\b", "/a.txt#x",
		"/-/readyz", "/-/nothing", "/-", "/download?file=a.txt", "/download?file=big.txt", "/download?file=..%2fx", "/download", "/download?file=a.txt&file=b", "/many?sort=size", "/many/?sort=size&order=desc",
		"/" + strings.Repeat("x", 300), "/" + strings.Repeat("x/", 3000), "/long/" + strings.Repeat("n", 200),
	} {
		cases = append(cases, target+" ")
	}
	return cases
}

// TestDifferential: the fast lane's answers are those of net/http, for single requests, cold and hot, whole and in two
// parts, and it is the fast lane that gives them.
func TestDifferential(t *testing.T) {
	t.Parallel()
	eachWire(t, func(t *testing.T, wire func(*setup)) {
		for _, site := range []bool{false, true} {
			testDifferential(t, func(u *setup) {
				wire(u)
				u.cfg.Listing, u.cfg.DownloadRoute, u.cfg.Precompressed, u.cfg.Site = !site, "/download", true, site
				u.cfg.Access = nil
			})
		}
	})
}

func testDifferential(t *testing.T, change func(*setup)) {
	quick, general := twins(t, diffTree, change)
	for _, c := range requestCases(etagOf(t, quick)) {
		target, fields, _ := strings.Cut(c, " ")
		if fields != "" {
			fields += "\r\n"
		}
		for _, method := range []string{"GET", "HEAD"} {
			raw := method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n"
			heads, foreign := headsOf(raw)
			before := answeredFast(t, quick)
			for range 2 { // cold, then hot
				sameOnBoth(t, quick, general, raw)
			}
			if n := answeredFast(t, quick) - before; n != 2*len(heads) || foreign != (n == 0) {
				t.Errorf("%q: the fast lane answered %d of 2, and should have %d", raw, n, 2*len(heads))
			}
		}
	}
}

// etagOf is that of /a.txt.
func etagOf(t *testing.T, s *served) string {
	t.Helper()
	a, err := talk(s, []string{"GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"}, nil)
	if err != nil || len(a) != 1 || a[0].Header.Get("Etag") == "" {
		t.Fatalf("no entity tag: %v, %v", a, err)
	}
	return a[0].Header.Get("Etag")
}

// TestDifferentialSplit sends a few requests in two parts, cut at every byte, and byte by byte; and every field of the cases
// in two parts to the fast lane, whose answer must be that to the whole of net/http.
func TestDifferentialSplit(t *testing.T) {
	t.Parallel()
	eachWire(t, func(t *testing.T, wire func(*setup)) {
		quick, general := twins(t, diffTree, func(u *setup) { wire(u); u.cfg.Access = nil })
		for _, raw := range []string{
			"GET /a.txt HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-2\r\n\r\n",
			"GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /big.txt HTTP/1.1\r\nHost: localhost\r\n\r\nGET /../x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			"GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
		} {
			sameOnBoth(t, quick, general, strings.Split(raw, "")...)
			for i := range raw {
				sameOnBoth(t, quick, general, raw[:i], raw[i:])
			}
		}
	})
	quick, general := twins(t, diffTree, func(u *setup) { u.cfg.Access = nil })
	for _, c := range requestCases(etagOf(t, quick)) {
		fields, ok := strings.CutPrefix(c, "/a.txt ")
		if !ok || fields == "" {
			continue
		}
		raw := "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n\r\n"
		want, err := talk(general, []string{raw}, nil)
		if err != nil {
			t.Errorf("%q: net/http: %v", raw, err)
		}
		for i := range raw {
			if got, err := talk(quick, []string{raw[:i], raw[i:]}, nil); err != nil {
				t.Errorf("%q cut at %d: %v", raw, i, err)
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q cut at %d: the fast lane differs from net/http (-net/http +fast):\n%s", raw, i, diff)
			}
		}
	}
}

// TestDifferentialCorpus: the attack corpus through both lanes, whole and byte by byte.
func TestDifferentialCorpus(t *testing.T) {
	t.Parallel()
	l, _ := plant.Links(t, plant.New(t))
	change := func(u *setup) {
		u.base = l.Base
		u.cfg.Listing, u.cfg.DownloadRoute, u.cfg.Access = true, undefended.DownloadRoute, nil
		u.dir.Symlinks = rootbound.SymlinksWithin
	}
	quick, general := twins(t, nil, change)
	before := answeredFast(t, quick)
	a, b := &attack.Client{Addr: quick.addr, Host: "localhost"}, &attack.Client{Addr: general.addr, Host: "localhost"}
	defer a.Close()
	defer b.Close()
	n, fast := 0, 0
	for _, c := range attack.Corpus(l) {
		for _, target := range []string{c.Target, undefended.DownloadRoute + "?file=" + c.Query} {
			if !attack.OnLine(target) {
				continue
			}
			n++
			raw := "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
			heads, _ := headsOf(raw)
			fast += 2 * len(heads)
			sameByteByByte(t, quick, general, raw)
			if len(heads) == 0 { // a connection handed over does not come back
				_ = a.Close()
			}
			got, want := stripped(mustDo(t, a, target)), stripped(mustDo(t, b, target))
			if len(heads) == 0 {
				_ = a.Close()
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: GET %.200q (-net/http +fast):\n%s", c.Name, target, diff)
			}
		}
	}
	if got := answeredFast(t, quick) - before; got != fast || fast < n {
		t.Errorf("the fast lane answered %d of %d, and should have %d", got, 2*n, fast)
	}
}

// TestDifferentialRandom: requests put together at random, several on a connection, good and bad, whole and byte by byte.
func TestDifferentialRandom(t *testing.T) {
	t.Parallel()
	eachWire(t, testDifferentialRandom)
}

func testDifferentialRandom(t *testing.T, wire func(*setup)) {
	quick, general := twins(t, diffTree, func(u *setup) { wire(u); u.cfg.Access, u.cfg.DownloadRoute = nil, "/download" })
	r := rand.New(rand.NewPCG(1, 2))
	var raws []string
	for range 400 {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteString(randomRequest(r))
		}
		raws = append(raws, b.String())
	}
	var wg sync.WaitGroup
	for part := range slices.Chunk(raws, 25) { // net/http takes its time with what it refuses
		wg.Add(1)
		go func() {
			defer wg.Done()
			for _, raw := range part {
				sameOnBoth(t, quick, general, raw)
				sameByteByByte(t, quick, general, raw)
			}
		}()
	}
	wg.Wait()
	if answeredFast(t, quick) < len(raws)/2 {
		t.Error("few of them were for the fast lane")
	}
}

func randomRequest(r *rand.Rand) string {
	pick := func(usual string, odd ...string) string {
		if r.IntN(12) > 0 {
			return usual
		}
		return odd[r.IntN(len(odd))]
	}
	targets := []string{"/a.txt", "/sub/b.txt", "/missing", "/../x", "/empty", "/download?file=a.txt", "/medium.bin"}
	end := pick("\r\n", "\n", "\r\r\n", " \r\n")
	b := pick("GET", "HEAD", "POST", "get", "OPTIONS", "") + pick(" ", "  ", "\t") +
		pick(targets[r.IntN(len(targets))], "*", "http://localhost/a.txt", "http://other/a.txt", "a.txt", "/%zz", "/\x80", "/\x00", "") + " " +
		pick("HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/9.9", "http/1.1", "") + end
	b += pick("Host: localhost\r\n", "", "Host: localhost\r\nHost: localhost\r\n", "Host: other\r\n", "Host:localhost\r\n", "Host : localhost\r\n")
	for range r.IntN(3) {
		b += pick([]string{"Range: bytes=1-2", "If-None-Match: *", "Accept: text/html", "X: y"}[r.IntN(4)],
			"X:y", "X : y", " folded", "X: a\x00b", "X: a\rb", ": y", "Connection: close", "Content-Length: 0", "Content-Length: 1", "Expect: 100-continue",
			"Transfer-Encoding: chunked", "Content-Length: 0\r\nTransfer-Encoding: identity", "X: "+strings.Repeat("y", 9000)) + end
	}
	return b + pick("\r\n", "\n", "\r\r\n")
}
