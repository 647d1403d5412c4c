package lane

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

const plain = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"

// TestParse: what the lane takes, what it gives away, and that it says so at the first byte that decides.
func TestParse(t *testing.T) {
	line := func(fields string) string { return "GET /a HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" }
	for _, tt := range []struct {
		name, raw string
		want      Verdict
	}{
		{"the least", plain, Complete},
		{"HEAD", "HEAD /a?b=%zz HTTP/1.1\r\nHost: x:80\r\n\r\n", Complete},
		{"browser", line("User-Agent: Mozilla/5.0 (X11; Linux)\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\nUpgrade-Insecure-Requests: 1\r\n"), Complete},
		{"keep-alive", line("Connection: Keep-Alive\r\n"), Complete},
		{"close", line("connection: close\r\n"), Complete},
		{"nothing", "", Incomplete},
		{"POST", strings.Replace(plain, "GET", "POST", 1), Foreign},
		{"lower case", strings.Replace(plain, "GET", "get", 1), Foreign},
		{"HTTP/1.0", strings.Replace(plain, "1.1", "1.0", 1), Foreign},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Foreign},
		{"TLS", "\x16\x03\x01", Foreign},
		{"absolute-form", strings.Replace(plain, "/a", "http://y/a", 1), Foreign},
		{"asterisk", strings.Replace(plain, "/a", "*", 1), Foreign},
		{"no target", strings.Replace(plain, "/a ", "", 1), Foreign},
		{"two spaces", strings.Replace(plain, " /a", "  /a", 1), Foreign},
		{"bad escape", strings.Replace(plain, "/a", "/%zz", 1), Foreign},
		{"cut escape", strings.Replace(plain, "/a", "/a%4", 1), Foreign},
		{"control in target", strings.Replace(plain, "/a", "/\x01", 1), Foreign},
		{"bytes in target", strings.Replace(plain, "/a", "/\xff", 1), Foreign},
		{"an empty line first", "\r\n" + plain, Foreign},
		{"bare LF", strings.ReplaceAll(plain, "\r\n", "\n"), Foreign},
		{"bare CR", line("A: b\rc\r\n"), Foreign},
		{"LF at the end", line("A: b\n"), Foreign},
		{"obs-fold", line("A: b\r\n c\r\n"), Foreign},
		{"white space before the colon", line("A : b\r\n"), Foreign},
		{"no space after the colon", line("A:b\r\n"), Foreign},
		{"two spaces after the colon", line("A:  b\r\n"), Foreign},
		{"a space at the end", line("A: b \r\n"), Foreign},
		{"a tab", line("A: b\tc\r\n"), Foreign},
		{"NUL", line("A: b\x00c\r\n"), Foreign},
		{"no value", line("A: \r\n"), Foreign},
		{"no name", line(": b\r\n"), Foreign},
		{"no Host", "GET /a HTTP/1.1\r\n\r\n", Foreign},
		{"two Hosts", line("Host: x\r\n"), Foreign},
		{"odd Host", strings.Replace(plain, "Host: x", "Host: x/y", 1), Foreign},
		{"Content-Length", line("Content-Length: 0\r\n"), Foreign},
		{"Transfer-Encoding", line("Transfer-Encoding: chunked\r\n"), Foreign},
		{"both", line("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), Foreign},
		{"Expect", line("Expect: 100-continue\r\n"), Foreign},
		{"Upgrade", line("Connection: upgrade\r\nUpgrade: h2c\r\n"), Foreign},
		{"TE", line("TE: trailers\r\n"), Foreign},
		{"Connection twice", line("Connection: close\r\nConnection: keep-alive\r\n"), Foreign},
		{"two Ranges", line("Range: bytes=0-1\r\nRange: bytes=2-3\r\n"), Foreign},
		{"two Cookies", line("Cookie: a=b\r\nCookie: c=d\r\n"), Foreign},
		{"too long", "GET /" + strings.Repeat("x", MaxHeader), Foreign},
		{"long but not too long", line("A: " + strings.Repeat("x", MaxHeader-64) + "\r\n"), Complete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r Request
			if n, got := r.Parse([]byte(tt.raw)); got != tt.want || got == Complete && n != len(tt.raw) {
				t.Errorf("Parse = %d, %d, want %d", n, got, tt.want)
			}
			// Every part of it is incomplete, until it is known to be foreign; then it stays so.
			foreign := false
			for i := range tt.raw {
				_, got := r.Parse([]byte(tt.raw[:i]))
				if got == Complete || foreign && got != Foreign || got == Foreign && tt.want == Complete {
					t.Fatalf("Parse of %d bytes = %d", i, got)
				}
				foreign = got == Foreign
			}
		})
	}
}

func TestParseFacts(t *testing.T) {
	raw := "HEAD /x?y HTTP/1.1\r\nhOST: h:1\r\nCookie: c\r\nX-Forwarded-Proto: https\r\nConnection: CLOSE\r\n\r\n"
	var r Request
	n, v := r.Parse([]byte(raw + plain))
	if v != Complete || n != len(raw) {
		t.Fatalf("Parse = %d, %d", n, v)
	}
	if r.Method != "HEAD" || r.Target != "/x?y" || r.Get(Host) != "h:1" || r.Get(Cookie) != "c" || !r.Proxy || !r.Close || r.Has(Range) || r.Get(Range) != "" {
		t.Errorf("%+v", r)
	}
	const more = "GET / HTTP/1.1\r\nUSER-agent: a b\r\nHost: h\r\nUser-Agent: e\r\nuser-agents: x\r\nUser-Agent: c:d\r\n\r\n"
	if _, v := r.Parse([]byte(more)); v != Complete || r.Find("user-agent") != "a b, e, c:d" || r.Find("host") != "h" || r.Find("cookie") != "" {
		t.Errorf("%d %q %q", v, r.Find("user-agent"), r.Find("host"))
	}
	// Nothing of one request is left for the next.
	if _, v := r.Parse([]byte(plain)); v != Complete || r.Proxy || r.Close || r.Get(Cookie) != "" {
		t.Errorf("after another: %+v", r)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	b := []byte("GET /a HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\nAccept: */*\r\nIf-None-Match: \"z\"\r\n\r\n")
	var r Request
	if n := testing.AllocsPerRun(100, func() {
		if _, v := r.Parse(b); v != Complete {
			t.Fatal(v)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// kept are the names of the fields that the parser keeps, as net/http has them.
var kept = map[Field]string{
	Accept: "Accept", AcceptEncoding: "Accept-Encoding", Authorization: "Authorization", Cookie: "Cookie", Forwarded: "Forwarded",
	IfMatch: "If-Match", IfModifiedSince: "If-Modified-Since", IfNoneMatch: "If-None-Match", IfRange: "If-Range",
	IfUnmodifiedSince: "If-Unmodified-Since", Range: "Range", WantReprDigest: "Want-Repr-Digest", XForwardedFor: "X-Forwarded-For",
}

// FuzzParse: whatever the lane takes for a request, net/http takes for the same one.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		plain, plain + plain, "HEAD /%41?%zz HTTP/1.1\r\nHost: [::1]:80\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\nrest",
		"GET / HTTP/1.1\r\nHost: x\r\nCookie: a\r\nX-Forwarded-For: 1\r\nForwarded: for=1\r\nAccept: a, b\r\n\r\n",
		"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "GET /a HTTP/1.1\nHost: x\n\n",
		"GET / HTTP/1.1\r\nUser-Agent: a\r\nHost: x\r\nuser-agent: b\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Request
		n, v := r.Parse(b)
		if v != Complete {
			return
		}
		rest := bufio.NewReader(bytes.NewReader(b))
		h, err := http.ReadRequest(rest)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b[:n], err)
		}
		if h.Method != r.Method || h.RequestURI != r.Target || h.Host != r.Get(Host) || h.Close != r.Close || h.Proto != "HTTP/1.1" {
			t.Errorf("%q: %+v, net/http has %+v", b[:n], r, h)
		}
		if h.ContentLength != 0 || len(h.TransferEncoding) != 0 || h.Trailer != nil {
			t.Errorf("%q has a body", b[:n])
		}
		for f, name := range kept {
			values := h.Header[name]
			if r.Has(f) != (len(values) == 1) || len(values) == 1 && values[0] != r.Get(f) {
				t.Errorf("%q: %s is %q, net/http has %q", b[:n], name, r.Get(f), values)
			}
		}
		if got, want := r.Find("user-agent"), strings.Join(h.Header["User-Agent"], ", "); got != want {
			t.Errorf("%q: User-Agent is %q, net/http has %q", b[:n], got, want)
		}
		if left := rest.Buffered(); len(b) <= 4096 && left != len(b)-n {
			t.Errorf("%q: %d bytes are left, net/http leaves %d", b, len(b)-n, left)
		}
	})
}
