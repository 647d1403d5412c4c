package inspect

import (
	"bytes"
	"net/http"
	"path"
	"strings"

	"github.com/rootbound/rootbound/internal/finding"
)

// sniffBytes is how much of a file tells its type.
const sniffBytes = 512

// content reads the beginning of a file, and reports what it is and holds.
func (b *reader) content(d *directory, elem string) {
	n, err := d.head(elem, b.buf)
	b.w.bytes.Add(int64(n))
	if err != nil {
		if n == 0 {
			b.unread(d.join(elem), err)
			return
		}
	}
	text := b.buf[:n]
	if actual, active := mismatch(elem, text[:min(n, sniffBytes)]); actual != "" {
		f := finding.Finding{Rule: finding.TypeMismatch, Place: finding.Place{Path: d.join(elem)}, Evidence: actual}
		if !active {
			f.Severity = finding.Low
		}
		b.w.addFinding(f)
	}
	if bytes.IndexByte(text[:min(n, 4096)], 0) < 0 { // binary files hold no text to look through
		b.scan.file(b.w, d, elem, text)
	}
}

func (b *reader) unread(path string, err error) {
	if plainlyGone(err) {
		b.w.changed.add(path)
		return
	}
	b.w.unreadable.add(path)
}

// expected are the types that extensions promise, as net/http tells them (WHATWG MIME sniffing). A type in parentheses is
// not always told, so only another certain one is a mismatch.
var expected = map[string]string{
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp", ".bmp": "(image/bmp)",
	".ico": "(image/x-icon)", ".pdf": "application/pdf", ".zip": "(application/zip)", ".gz": "application/x-gzip", ".mp4": "(video/mp4)",
	".webm": "(video/webm)", ".mp3": "(audio/mpeg)", ".ogg": "(application/ogg)", ".wav": "(audio/wave)", ".avi": "(video/avi)", ".woff": "(font/woff)",
	".woff2": "(font/woff2)", ".ttf": "(font/ttf)", ".otf": "(font/otf)", ".docx": "(application/zip)", ".xlsx": "(application/zip)",
	".pptx": "(application/zip)", ".odt": "(application/zip)", ".ods": "(application/zip)", ".epub": "(application/zip)",
	".txt": "(text/plain)", ".csv": "(text/plain)", ".log": "(text/plain)", ".json": "(text/plain)", ".css": "(text/plain)", ".tif": "(image/tiff)",
	".tiff": "(image/tiff)", ".avif": "(image/avif)", ".mov": "(video/mp4)", ".doc": "(application/msword)", ".xls": "(application/vnd.ms-excel)",
}

// mismatch is what a file is where its extension says something else; active is what a browser or a system would run.
func mismatch(elem string, head []byte) (actual string, active bool) {
	want, ok := expected[lower(path.Ext(elem))]
	if !ok || len(head) == 0 {
		return "", false
	}
	certain := want[0] != '('
	want = strings.Trim(want, "()")
	if run := runs(head); run != "" {
		return run, true
	}
	got, _, _ := strings.Cut(http.DetectContentType(head), ";")
	switch {
	case got == want:
		return "", false
	case got == "text/html" || got == "text/xml" && want != "text/plain":
		return got, true
	case got == "application/octet-stream" || got == "text/plain":
		if certain {
			return got, false
		}
		return "", false
	case want == "text/plain" && got == "text/xml", want == "image/avif", want == "video/mp4" && strings.HasPrefix(got, "video/"):
		return "", false
	}
	return got, false
}

// runs says what of that kind a file is by its first bytes: something a system, a server or a browser executes.
func runs(head []byte) string {
	low := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"))
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return "a program (ELF)"
	case bytes.HasPrefix(head, []byte("MZ")) && bytes.IndexByte(head, 0) > 0:
		return "a program (Windows)"
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")), bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")):
		return "a program (Mach-O or Java)"
	case bytes.HasPrefix(low, []byte("#!")):
		return "a script"
	case bytes.HasPrefix(low, []byte("<?php")):
		return "a script (PHP)"
	case bytes.HasPrefix(low, []byte("<svg")), bytes.HasPrefix(low, []byte("<?xml")) && bytes.Contains(low, []byte("<svg")):
		return "image/svg+xml"
	}
	return ""
}
