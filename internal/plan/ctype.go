package plan

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// ContentType returns the media type of a file, and whether it is active: whether a browser that opens it may run script
// with the rights of our origin. name is a file name or a slash-separated path, head the first bytes of the file; 512 are
// enough, more are looked at for the charset only. The same name and head give the same answer on every machine:
// /etc/mime.types and the registry are not asked.
//
// A known extension decides (in any case, the last one of the name; a leading dot begins no extension). Registered types
// are used where there are any, text/plain for source code, so that it is shown. One extension needs the content: .ts and
// .mts are MPEG transport streams or TypeScript.
//
// Without a known extension the content decides, by the algorithm of the WHATWG's MIME Sniffing standard in net/http, and
// never yields an active type: what looks like HTML or XML is text/plain, what has no inert type (PDF and PostScript
// too) is application/octet-stream. That holds in the browser only with X-Content-Type-Options: nosniff.
//
// A text type carries charset=utf-8 when head is valid UTF-8, but for a character cut off at its end, and no charset
// otherwise: a wrong one is worse than none. As with Flask and net/http this wins over what an HTML page says of itself.
// XML and JSON never carry one: a charset would overrule the XML declaration (RFC 7303, 3.2), and JSON has none
// (RFC 8259, 11).
//
// Active are: text/html, application/xhtml+xml, image/svg+xml, XML of any other kind (application/xml and all +xml, which
// may hold XHTML elements or name a style sheet), text/x-component, HTML applications, and the containers of whole pages:
// MHTML (multipart/related), mail (message/rfc822) and web archives. Not active: JavaScript, JSON, CSS and WebAssembly,
// which are shown as text or downloaded when opened (who may load them as a script is a question for
// Cross-Origin-Resource-Policy), and PDF, whose script runs inside the viewer, without our origin, and which Chrome does
// not show at all under Content-Security-Policy: sandbox.
func ContentType(name string, head []byte) (ctype string, active bool) {
	base, ok := typeByExtension[extension(name)]
	if !ok {
		base = typeByContent(head)
	} else if base == transportStream && !isTransportStream(head) {
		base = "text/plain"
	}
	return withCharset(base, head), IsActive(base)
}

// extension is what follows the last dot of the last element of name, in lower case; empty if that dot begins the
// element: ".html" is a hidden file and not a page.
func extension(name string) string {
	elem := name[strings.LastIndexByte(name, '/')+1:]
	if dot := strings.LastIndexByte(elem, '.'); dot > 0 {
		return strings.ToLower(elem[dot+1:])
	}
	return ""
}

// isTransportStream looks for the sync byte of the first two packets of an MPEG transport stream (ISO/IEC 13818-1,
// 2.4.3.2: 0x47, every 188 bytes; 192 with the timestamps of an .mts file).
func isTransportStream(head []byte) bool {
	const sync = 0x47
	return len(head) > 188 && head[0] == sync && head[188] == sync ||
		len(head) > 196 && head[4] == sync && head[196] == sync
}

// typeByContent is what the content says, if that is inert.
func typeByContent(head []byte) string {
	sniffed := http.DetectContentType(head)
	if inert, ok := inertSniffed[sniffed]; ok {
		return inert
	}
	for _, prefix := range []string{"image/", "audio/", "video/", "font/"} {
		if strings.HasPrefix(sniffed, prefix) && !IsActive(sniffed) {
			return sniffed
		}
	}
	return "application/octet-stream"
}

// inertSniffed maps what net/http detects to what we say. A type that is neither here nor an image, sound, film or font
// becomes application/octet-stream.
var inertSniffed = map[string]string{
	"text/plain; charset=utf-8":    "text/plain",
	"text/plain; charset=utf-16be": "text/plain; charset=utf-16be", // these two begin with a byte order mark
	"text/plain; charset=utf-16le": "text/plain; charset=utf-16le",
	"text/html; charset=utf-8":     "text/plain",
	"text/xml; charset=utf-8":      "text/plain",

	"application/ogg":               "application/ogg",
	"application/vnd.ms-fontobject": "application/vnd.ms-fontobject",
	"application/wasm":              "application/wasm",
	"application/x-gzip":            "application/gzip",
	"application/x-rar-compressed":  "application/vnd.rar",
	"application/zip":               "application/zip",
	"audio/wave":                    "audio/wav",
	"image/x-icon":                  "image/vnd.microsoft.icon",
	"video/avi":                     "video/x-msvideo",
}

func withCharset(base string, head []byte) string {
	if strings.HasPrefix(base, "text/") && !strings.Contains(base, ";") && isUTF8(head) {
		return base + "; charset=utf-8"
	}
	return base
}

// isUTF8 reports whether head is valid UTF-8, or would be if its last character were not cut off.
func isUTF8(head []byte) bool {
	for i := len(head) - 1; i >= 0 && i > len(head)-utf8.UTFMax; i-- {
		if utf8.RuneStart(head[i]) {
			if !utf8.FullRune(head[i:]) {
				head = head[:i]
			}
			break
		}
	}
	return utf8.Valid(head)
}

// IsActive reports whether ctype, a media type with or without parameters, is one of the active ones listed at
// ContentType. It judges the type and not the extension, so that no row of the table can forget it, and a type that the
// caller brings is judged alike.
func IsActive(ctype string) bool {
	base, _, _ := strings.Cut(ctype, ";")
	base = strings.ToLower(strings.TrimSpace(base))
	switch base {
	case "text/html", "text/xml", "application/xml", "text/xsl", "text/x-component", "application/hta",
		"multipart/related", "message/rfc822", "application/x-webarchive":
		return true
	}
	return strings.HasSuffix(base, "+xml")
}
