package plan

import (
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

func TestMethod(t *testing.T) {
	tests := []struct {
		method string
		ok     bool
		why    reason.Code
	}{
		{"GET", true, ""},
		{"HEAD", true, ""},
		{"OPTIONS", true, ""},
		{"POST", false, reason.MethodNotAllowed},
		{"QUERY", false, reason.MethodNotAllowed},
		{"VERSION-CONTROL", false, reason.MethodNotAllowed},
		{"CONNECT", false, reason.MethodNotAllowed},
		{"TRACE", false, reason.MethodNotAllowed},
		{"Get", false, reason.MethodUnknown},
		{"GET ", false, reason.MethodUnknown},
		{"", false, reason.MethodUnknown},
		{"BREW", false, reason.MethodUnknown},
	}
	for _, tt := range tests {
		if ok, why := Method(tt.method); ok != tt.ok || why != tt.why {
			t.Errorf("Method(%q) = %v, %q, want %v, %q", tt.method, ok, why, tt.ok, tt.why)
		}
	}
}

func TestETag(t *testing.T) {
	tests := []struct {
		size  int64
		mtime time.Time
		weak  bool
		want  string
	}{
		{0, time.Unix(0, 0), false, `"0-0"`},
		{255, time.Unix(1, 1), false, `"3b9aca01-ff"`},
		{255, time.Unix(1, 1), true, `W/"3b9aca01-ff"`},
		{1<<63 - 1, written, false, `"17b8539ee50ee500-7fffffffffffffff"`},
		{1, time.Unix(-1, 0), false, `"ffffffffc4653600-1"`},
		{1, written.In(time.FixedZone("", 3600)), false, `"17b8539ee50ee500-1"`},
	}
	for _, tt := range tests {
		got := ETag(tt.size, tt.mtime, tt.weak)
		if got != tt.want {
			t.Errorf("ETag(%d, %v, %v) = %s, want %s", tt.size, tt.mtime, tt.weak, got, tt.want)
		}
		if tag, rest := cutTag(got); tag != got || rest != "" {
			t.Errorf("ETag %s is none (8.8.3)", got)
		}
	}
	if ETag(1, time.Unix(0, 0), false) == ETag(1, time.Time{}, false) {
		t.Error("the zero time and 1970 have the same ETag")
	}
}

func TestDate(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	date := func(year int, month time.Month, day, hour, minute, second int) time.Time {
		return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	}
	nov6 := date(1994, 11, 6, 8, 49, 37)
	tests := []struct {
		text string
		now  time.Time
		want time.Time // zero: no date
	}{
		{"Sun, 06 Nov 1994 08:49:37 GMT", now, nov6},
		{" Sun, 06 Nov 1994 08:49:37 GMT\t", now, nov6},
		{"Sunday, 06-Nov-94 08:49:37 GMT", now, nov6},
		{"Sun Nov  6 08:49:37 1994", now, nov6},
		{"Wed Nov 16 08:49:37 1994", now, date(1994, 11, 16, 8, 49, 37)},
		{"Mon, 06 Nov 1994 08:49:37 GMT", now, nov6}, // robust: the wrong day
		{"Sat, 31 Dec 2016 23:59:60 GMT", now, date(2017, 1, 1, 0, 0, 0)},
		{"Saturday, 31-Dec-16 23:59:60 GMT", now, date(2017, 1, 1, 0, 0, 0)},
		{"Sat Dec 31 23:59:60 2016", now, date(2017, 1, 1, 0, 0, 0)},
		{"Sunday, 22-Nov-76 08:49:37 GMT", now, date(2076, 11, 22, 8, 49, 37)},
		{"Tuesday, 24-Nov-76 08:49:37 GMT", now, date(1976, 11, 24, 8, 49, 37)},
		{"Friday, 06-Nov-26 08:49:37 GMT", now, date(2026, 11, 6, 8, 49, 37)},
		{"Thursday, 06-Nov-75 08:49:37 GMT", time.Time{}, date(1975, 11, 6, 8, 49, 37)},
		{"Sunday, 06-Nov-05 08:49:37 GMT", date(2090, 1, 1, 0, 0, 0), date(2105, 11, 6, 8, 49, 37)},
		{"Sun, 06 Nov 1994 08:49:37 UTC", now, time.Time{}},
		{"Sun, 06 Nov 1994 08:49:37 gmt", now, time.Time{}},
		{"Sun, 06 Nov 1994 08:49:37", now, time.Time{}},
		{"Sun, 6 Nov 1994 08:49:37 GMT", now, time.Time{}},
		{"Sun,  6 Nov 1994 08:49:37 GMT", now, time.Time{}},
		{"Sun, 06 Nov 1994 8:49:37.0 GMT", now, time.Time{}},
		{"Sun, 06 Nov 1994 08:49:37.5 GMT", now, time.Time{}},
		{"Sun, 31 Feb 1994 08:49:37 GMT", now, time.Time{}},
		{"Sun, 06 Nov 1994 24:49:37 GMT", now, time.Time{}},
		{"Sun, 06 Nov 1994 08:60:37 GMT", now, time.Time{}},
		{"Sun, 06 Nov 1994 08:49:61 GMT", now, time.Time{}},
		{"Sonntag, 06-Nov-94 08:49:37 GMT", now, time.Time{}},
		{"Sun, 06-Nov-94 08:49:37 GMT", now, time.Time{}},
		{"Sun Nov 06 08:49:37 1994 GMT", now, time.Time{}},
		{"784111777", now, time.Time{}},
		{"", now, time.Time{}},
	}
	for _, tt := range tests {
		got, ok := parseDate(tt.text, tt.now)
		if ok == tt.want.IsZero() || !got.Equal(tt.want) {
			t.Errorf("parseDate(%q) = %v, %v, want %v", tt.text, got, ok, tt.want)
		}
	}
}

func TestNegotiate(t *testing.T) {
	all := []string{"br", "zstd", "gzip"}
	tests := []struct {
		field     string
		has       bool
		available []string
		want      string
		identity  bool
	}{
		{"", false, all, "", true}, // anything is acceptable, and nothing was asked for
		{"", true, all, "", true},  // 12.5.3: wants none
		{"gzip", true, all, "gzip", true},
		{"gzip", true, []string{"br"}, "", true},
		{"gzip", true, nil, "", true},
		{"gzip, deflate, br, zstd", true, all, "br", true},
		{"gzip, deflate, zstd", true, all, "zstd", true},
		{"GZip", true, all, "gzip", true},
		{"x-gzip", true, all, "gzip", true},
		{"gzip", true, []string{"x-gzip"}, "x-gzip", true},
		{"br;q=0.5, gzip;q=0.8", true, all, "gzip", true},
		{"br;q=0.8, gzip;q=0.8", true, all, "br", true},
		{"br;q=0.001", true, all, "br", true},
		{"br;q=0, gzip", true, all, "gzip", true},
		{"br;q=0.000", true, all, "", true},
		{"*", true, all, "br", true},
		{"*, br;q=0", true, all, "zstd", true},
		{"*;q=0, gzip", true, all, "gzip", false},
		{"*;q=0", true, all, "", false},
		{"*;q=0, identity", true, all, "", true},
		{"identity;q=0", true, all, "", false},
		{"identity;q=0, *", true, all, "br", false},
		{"identity", true, all, "", true},
		{"identity, gzip;q=0.5", true, all, "", true},
		{"identity;q=0.5, gzip", true, all, "gzip", true},
		{"identity;q=0.5, gzip;q=0.5", true, all, "gzip", true},
		{"gzip;q=1.0, identity; q=0.5, *;q=0", true, all, "gzip", true},
		{"compress;q=0.5, gzip;q=1.0", true, all, "gzip", true},
		{"gzip ; Q=1.000 ", true, all, "gzip", true},
		{"gzip;q=1.001", true, all, "", true},
		{"gzip;q=2", true, all, "", true},
		{"gzip;q=-1", true, all, "", true},
		{"gzip;q=", true, all, "", true},
		{"gzip;q=0.1234", true, all, "", true},
		{"gzip;q=.5", true, all, "", true},
		{"gzip;q =1", true, all, "", true},
		{"gzip;level=9", true, all, "", true},
		{"gzip;q=junk, br;q=0.1", true, all, "br", true},
		{"gzip;q=0, gzip;q=1", true, all, "", true},
		{",, gzip ,", true, all, "gzip", true},
		{"gzipx", true, all, "", true},
	}
	for _, tt := range tests {
		got, identity := Negotiate(tt.field, tt.has, tt.available)
		if got != tt.want || identity != tt.identity {
			t.Errorf("Negotiate(%q, %v, %v) = %q, %v, want %q, %v", tt.field, tt.has, tt.available, got, identity, tt.want,
				tt.identity)
		}
	}
}

func TestWantsSHA256(t *testing.T) {
	tests := []struct {
		field string
		want  bool
	}{
		{"sha-256=1", true},
		{"sha-256=10", true},
		{"sha-512=10, sha-256=1", true},
		{" sha-256=3 ,\tmd5=0 ", true},
		{"sha-256=5;x=1", true},
		{"sha-256=0, sha-256=1", true},
		{"sha-256=1, sha-256=0", false},
		{"sha-256=0", false},
		{"sha-512=10", false},
		{"", false},
		{"sha-256", false},
		{"sha-256=", false},
		{"sha-256=11", false},
		{"sha-256=-1", false},
		{"sha-256=1.5", false},
		{"sha-256=0000000000000001", false},
		{"SHA-256=1", false},
		{"sha-256 =1", false},
		{"sha-256=1,", false},
		{"sha-256=1,,sha-512=1", false},
		{"sha-256=1, sha-512=11", false},
		{`sha-256=1, x="a,b"`, false},
	}
	for _, tt := range tests {
		if got := WantsSHA256(tt.field); got != tt.want {
			t.Errorf("WantsSHA256(%q) = %v, want %v", tt.field, got, tt.want)
		}
	}
	f := testFile()
	r := Request{Method: "GET", WantReprDigest: "sha-256=1"}
	if p := Make(&r, f, &Options{}); get(t, p, "Repr-Digest") != "" {
		t.Error("a digest of a file whose hash nobody gave")
	}
	f.SHA256, r.WantReprDigest = make([]byte, 32), "sha-256=0"
	if p := Make(&r, f, &Options{}); get(t, p, "Repr-Digest") != "" {
		t.Error("a digest nobody asked for")
	}
}
