package probe

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/attack"
)

// writer puts names of the corpus into requests, in one mode.
type writer struct {
	mode   Mode
	path   string   // of the URL
	data   string   // with the place, in Form and JSON mode
	field  string   // in Upload mode
	cookie string   // with the place, in Cookie mode
	header []string // sent with every request; one has the place in Header mode
	body   []byte   // of what is uploaded
}

func newWriter(c *Config, path string) *writer {
	w := &writer{mode: c.Mode, path: path, data: c.Data, field: c.Field, cookie: c.Cookie, header: c.Headers}
	if w.mode == Path && !strings.Contains(path, Place) {
		w.path = strings.TrimSuffix(path, "/") + "/" + Place
	}
	return w
}

// write returns the request for a case, or false where the mode cannot carry it.
func (w *writer) write(c attack.Case) (*request, bool) {
	r := &request{method: "GET", target: w.path, headers: w.headers("")}
	ok := true
	switch w.mode {
	case Path:
		r.target, ok = w.inPath(c)
	case Query:
		r.target = strings.ReplaceAll(w.path, Place, c.Query)
	case Form:
		r.method, r.body = "POST", []byte(strings.ReplaceAll(w.data, Place, c.Query))
		r.headers = append(r.headers, "Content-Type: application/x-www-form-urlencoded")
	case JSON:
		r.method, r.body = "POST", []byte(strings.ReplaceAll(w.data, Place, jsonText(c.Text)))
		r.headers = append(r.headers, "Content-Type: application/json")
	case Header:
		r.headers, ok = w.headers(c.Text), fitsLine(c.Text, "")
	case Cookie:
		value := c.Text
		if !fitsLine(value, `;," `) {
			value = c.Query
		}
		ok = fitsLine(value, `;," `)
		r.headers = append(r.headers, "Cookie: "+strings.ReplaceAll(w.cookie, Place, value))
	case Upload:
		r.method, r.body = "POST", w.multipart(c.Text)
		r.headers = append(r.headers, "Content-Type: multipart/form-data; boundary="+boundary)
		ok = fitsLine(c.Text, "")
	}
	return r, ok && attack.OnLine(r.target)
}

// inPath replaces the place by the target without its slash; behind a prefix a target that is no path has no sense.
func (w *writer) inPath(c attack.Case) (string, bool) {
	if w.path == "/"+Place {
		return c.Target, true
	}
	rest, ok := strings.CutPrefix(c.Target, "/")
	return strings.ReplaceAll(w.path, Place, rest), ok
}

func (w *writer) headers(value string) []string {
	out := make([]string, 0, len(w.header)+2)
	for _, h := range w.header {
		out = append(out, strings.ReplaceAll(h, Place, value))
	}
	return out
}

// fitsLine says whether a header can carry the text.
func fitsLine(s, but string) bool {
	return s == strings.TrimSpace(s) && !strings.ContainsAny(s, "\r\n\x00"+but)
}

// jsonText is what stands between the quotes of a JSON string. Bytes that are no UTF-8 stay as they are.
func jsonText(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b.WriteByte(s[i])
		} else {
			text, _ := json.Marshal(string(r)) // strings can always be written
			b.WriteString(strings.Trim(string(text), `"`))
			if r == '"' {
				b.WriteString(`"`)
			}
		}
		i += size
	}
	return b.String()
}

const boundary = "rootbound-probe-boundary"

// multipart is RFC 7578's form with one file. Browsers escape the quote alone.
func (w *writer) multipart(name string) []byte {
	name = strings.ReplaceAll(name, `"`, "%22")
	return []byte("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + w.field + "\"; filename=\"" + name +
		"\"\r\nContent-Type: application/octet-stream\r\n\r\n" + string(w.body) + "\r\n--" + boundary + "--\r\n")
}

// byText says that the mode's server decodes nothing, so that spellings of one text are one request.
func (m Mode) byText() bool { return m == JSON || m == Header || m == Upload }

// plainCase is a name as an honest client writes it.
func plainCase(name string) attack.Case {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return attack.Case{Class: "ordinary", Name: "ordinary", Target: "/" + strings.Join(parts, "/"), Query: url.QueryEscape(name), Text: name}
}

// wireCase is what an attacker writes, percent-encoded.
func wireCase(class, name, wire string) attack.Case {
	text, err := url.PathUnescape(wire)
	if err != nil {
		text = wire
	}
	return attack.Case{Class: class, Name: name, Target: "/" + wire, Query: wire, Text: text}
}

// renamed is the case with another file's name in it; both are letters and digits but for the last dot, which some forms encode.
func renamed(c attack.Case, from, to string) attack.Case {
	encode := func(s string) string { return strings.ReplaceAll(s, ".", "%2e") }
	for _, s := range []*string{&c.Target, &c.Query, &c.Text} {
		*s = strings.ReplaceAll(*s, from, to)
		*s = strings.ReplaceAll(*s, encode(from), encode(to))
	}
	return c
}
