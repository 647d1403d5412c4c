package plan

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// activeExtensions is written out by hand: a row added to the table is active or not because somebody said so here.
var activeExtensions = strings.Fields("html htm shtml shtm htc hta mht mhtml eml webarchive svg " +
	"xml xsd wsdl opml resx xib storyboard rng xhtml xht xsl xslt rss atom rdf owl mathml mml ttml dfxp smi smil mpd xspf " +
	"xlf xliff gpx gml kml musicxml xul opf ncx meta4 dae x3d")

func TestContentTypeRows(t *testing.T) {
	text, latin1 := []byte("grün"), []byte("gr\xfcn.")
	rowOf := make(map[string]string)
	for _, row := range typeTable {
		if kind, params, err := mime.ParseMediaType(row.ctype); err != nil || kind != row.ctype || len(params) != 0 {
			t.Errorf("row %q is not a bare lower-case media type: %v", row.ctype, err)
		}
		if row.extensions == "" {
			t.Errorf("row %q has no extensions", row.ctype)
		}
		for ext := range strings.FieldsSeq(row.extensions) {
			if other, ok := rowOf[ext]; ok {
				t.Errorf("extension %q stands in row %q and in row %q", ext, other, row.ctype)
			}
			rowOf[ext] = row.ctype
			want := row.ctype
			if want == transportStream {
				want = "text/plain"
			}
			wantText := want
			if strings.HasPrefix(want, "text/") {
				wantText += "; charset=utf-8"
			}
			for _, name := range []string{"x." + ext, "X." + strings.ToUpper(ext), "dir.png/a.b." + ext} {
				got, active := ContentType(name, text)
				if got != wantText || active != slices.Contains(activeExtensions, ext) {
					t.Errorf("ContentType(%q, text) = %q, %t, want %q", name, got, active, wantText)
				}
			}
			if got, _ := ContentType("x."+ext, latin1); got != want {
				t.Errorf("ContentType(%q, Latin-1) = %q, want %q", "x."+ext, got, want)
			}
		}
	}
	for _, ext := range activeExtensions {
		if _, ok := rowOf[ext]; !ok {
			t.Errorf("%q is listed as active and is in no row", ext)
		}
	}
}

// pythonDifferences lists the extensions for which Python's mimetypes, which Flask asks, has another type.
var pythonDifferences = []struct{ why, extensions string }{
	{"registered since, or registered at all", "js mjs p12 pfx rdf vcf wav aif aifc aiff obj mht mhtml xsl"},
	{"RFC 7303 makes text/xml and application/xml the same", "xml"},
	{"source and markup without a registered type is shown", "csh man me ms py roff sh t tcl tex"},
	{"compiled: nothing opens it", "pyc pyo"},
	{"film; Python says sound", "3gp 3gpp 3g2 3gpp2"},
	{"a file is Ogg; audio/opus is for RTP (RFC 7845, 9)", "opus"},
	{"a translation template far more often than a presentation's", "pot"},
	{"a list of addresses with or without HLS", "m3u"},
	{"old spelling of the same", "ram"},
	{"extinct or rare: the content decides", "ass bcpio cdf dvi etx gtar hdf ief latex loas mif movie n3 nc nq nws oda ras rgb rtx " +
		"sgm sgml shar src sv4cpio sv4crc swf texi texinfo tr trig ustar xpdl xwd"},
}

func TestContentTypeAgreesWithPython(t *testing.T) {
	cmd := exec.Command("/usr/bin/python3", "-c",
		"import json, mimetypes; print(json.dumps(mimetypes.MimeTypes(filenames=()).types_map[True]))")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("/usr/bin/python3: %v; install Debian 12's package python3-flask", err)
	}
	python := make(map[string]string)
	if err := json.Unmarshal(out, &python); err != nil {
		t.Fatal(err)
	}
	if len(python) < 100 {
		t.Fatalf("Python knows %d extensions only", len(python))
	}
	differs := make(map[string]bool)
	for ext, want := range python {
		if ext = strings.TrimPrefix(ext, "."); typeByExtension[ext] != want {
			differs[ext] = true
		}
	}
	listed := make(map[string]bool)
	for _, d := range pythonDifferences {
		for ext := range strings.FieldsSeq(d.extensions) {
			listed[ext] = true
		}
	}
	for _, ext := range slices.Sorted(maps.Keys(differs)) {
		if !listed[ext] {
			t.Errorf(".%s is %q here and %q in Python: not a listed difference", ext, typeByExtension[ext], python["."+ext])
		}
	}
	for _, ext := range slices.Sorted(maps.Keys(listed)) {
		if !differs[ext] {
			t.Errorf(".%s is listed as different from Python and is not", ext)
		}
	}
}

func transportPackets(lead, size int) []byte {
	b := bytes.Repeat([]byte{0xff}, 400)
	b[lead], b[lead+size] = 0x47, 0x47
	return b
}

func TestContentType(t *testing.T) {
	const html, xml = "<!DOCTYPE html><script>alert(1)</script>", `<?xml version="1.0"?><svg onload="alert(1)"/>`
	for _, tt := range []struct {
		name, head string
		want       string
		active     bool
	}{
		{"a.html", html, "text/html; charset=utf-8", true},
		{"a.html", "<title>gr\xfcn</title>", "text/html", true},
		{"A.HTM", "", "text/html; charset=utf-8", true},
		{"a.svg", xml, "image/svg+xml", true},
		{"a.txt", html, "text/plain; charset=utf-8", false},
		{"a.png", html, "image/png", false},
		{"a.pdf", "%PDF-1.7", "application/pdf", false},
		{"a.js", "alert(1)", "text/javascript; charset=utf-8", false},
		{"a.json", "{}", "application/json", false},
		{"a.csv", "ä;ö", "text/csv; charset=utf-8", false},
		{"a.tar.gz", "\x1f\x8b\x08", "application/gzip", false},
		{"a.md", "<script>", "text/markdown; charset=utf-8", false},

		{"README", "read me", "text/plain; charset=utf-8", false},
		{"README", "", "text/plain; charset=utf-8", false},
		{"README", "gr\xfcn", "text/plain", false},
		{"README", "\xff\xfea\x00", "text/plain; charset=utf-16le", false},
		{"README", "\xfe\xff\x00a", "text/plain; charset=utf-16be", false},
		{"README", "cut in the middle of \xe4\xb8", "text/plain; charset=utf-8", false},
		{"README", "cut in the middle of \xf0\x9f\x98", "text/plain; charset=utf-8", false},
		{"README", "not cut \xe4\xb8 but wrong", "text/plain", false},
		{"README", "\x00\x01\x02", "application/octet-stream", false},
		{"page", html, "text/plain; charset=utf-8", false},
		{"page", " \n<html><body>\xff", "text/plain", false},
		{"page.unknown", html, "text/plain; charset=utf-8", false},
		{"image", xml, "text/plain; charset=utf-8", false},
		{"image", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>", "text/plain; charset=utf-8", false},
		{"script", "#!/bin/sh\n", "text/plain; charset=utf-8", false},
		{"paper", "%PDF-1.7\n", "application/octet-stream", false},
		{"paper", "%!PS-Adobe-3.0", "application/octet-stream", false},
		{"gifar", "GIF89a<script>alert(1)</script>", "image/gif", false},
		{"photo", "\x89PNG\r\n\x1a\n", "image/png", false},
		{"icon", "\x00\x00\x01\x00", "image/vnd.microsoft.icon", false},
		{"sound", "RIFF\x00\x00\x00\x00WAVE", "audio/wav", false},
		{"film", "RIFF\x00\x00\x00\x00AVI ", "video/x-msvideo", false},
		{"ogg", "OggS\x00", "application/ogg", false},
		{"font", "wOF2", "font/woff2", false},
		{"archive", "PK\x03\x04", "application/zip", false},
		{"archive", "\x1f\x8b\x08", "application/gzip", false},
		{"archive", "Rar!\x1a\x07\x00", "application/vnd.rar", false},
		{"module", "\x00asm", "application/wasm", false},

		{".html", html, "text/plain; charset=utf-8", false},
		{"dir/.svg", xml, "text/plain; charset=utf-8", false},
		{"dir.html/page", html, "text/plain; charset=utf-8", false},
		{"page.html.", html, "text/plain; charset=utf-8", false},
		{"page.html ", html, "text/plain; charset=utf-8", false},
		{"page.html/", html, "text/plain; charset=utf-8", false},
		{"", html, "text/plain; charset=utf-8", false},

		{"a.ts", "let G = 1\n", "text/plain; charset=utf-8", false},
		{"a.ts", strings.Repeat("G", 188), "text/plain; charset=utf-8", false},
		{"a.ts", string(transportPackets(0, 188)), "video/mp2t", false},
		{"a.mts", string(transportPackets(4, 192)), "video/mp2t", false},
		{"a.mts", "export {}", "text/plain; charset=utf-8", false},
	} {
		got, active := ContentType(tt.name, []byte(tt.head))
		if got != tt.want || active != tt.active {
			t.Errorf("ContentType(%q, %q) = %q, %t, want %q, %t", tt.name, tt.head, got, active, tt.want, tt.active)
		}
	}
}

// TestIsActive judges types that are in no row as well: callers may bring their own.
func TestIsActive(t *testing.T) {
	for ctype, want := range map[string]bool{
		"text/html": true, "text/xml": true, "application/xml": true, "application/anything+xml": true, "text/xsl": true,
		"multipart/related": true, "message/rfc822": true, "application/hta": true,
		"text/html; charset=utf-8": true, " Text/HTML ;charset=x": true, "IMAGE/SVG+XML": true,
		"text/plain": false, "text/javascript": false, "application/json": false, "application/pdf": false, "": false,
	} {
		if got := IsActive(ctype); got != want {
			t.Errorf("IsActive(%q) = %t, want %t", ctype, got, want)
		}
	}
}

func FuzzContentType(f *testing.F) {
	for _, name := range []string{"", "a", "a.html", "a.SVG", "a.ts", ".html", "a.b/c", "a.html."} {
		for _, head := range []string{"", "<html>", "<?xml", "%PDF-", "\xff\xfe", "\xe4\xb8", "GIF89a", "\x00asm", "OggS\x00"} {
			f.Add(name, []byte(head))
		}
	}
	f.Fuzz(func(t *testing.T, name string, head []byte) {
		ctype, active := ContentType(name, head)
		base, params, err := mime.ParseMediaType(ctype)
		if err != nil {
			t.Fatalf("ContentType(%q, %q) = %q: %v", name, head, ctype, err)
		}
		if active != IsActive(base) {
			t.Errorf("ContentType(%q, %q) = %q, active %t", name, head, ctype, active)
		}
		if active && !slices.Contains(activeExtensions, extension(name)) {
			t.Errorf("ContentType(%q, %q) = %q is active by its content", name, head, ctype)
		}
		if params["charset"] != "" && !strings.HasPrefix(base, "text/") {
			t.Errorf("ContentType(%q, %q) = %q has a charset", name, head, ctype)
		}
	})
}
