package lane

import (
	"strings"
	"unsafe"
)

// MaxHeader bounds a request's line and fields, in bytes. What is longer is handed over.
const MaxHeader = 8 << 10

// Field is a header field that is kept. All others are looked at only to see that they are well formed.
type Field uint8

// The fields that are kept.
const (
	Host Field = iota
	Accept
	AcceptEncoding
	Authorization
	Cookie
	Forwarded
	IfMatch
	IfModifiedSince
	IfNoneMatch
	IfRange
	IfUnmodifiedSince
	Range
	WantReprDigest
	XForwardedFor
	numFields
)

// Names of fields that are not kept but decide.
const (
	plainField Field = numFields + iota
	connectionField
	foreignField
)

// fieldNames are compared with what a request sends, in lower case.
var fieldNames = [...]struct {
	name  string
	field Field
}{
	{"host", Host},
	{"accept", Accept},
	{"accept-encoding", AcceptEncoding},
	{"authorization", Authorization},
	{"cookie", Cookie},
	{"forwarded", Forwarded},
	{"if-match", IfMatch},
	{"if-modified-since", IfModifiedSince},
	{"if-none-match", IfNoneMatch},
	{"if-range", IfRange},
	{"if-unmodified-since", IfUnmodifiedSince},
	{"range", Range},
	{"want-repr-digest", WantReprDigest},
	{"x-forwarded-for", XForwardedFor},
	{"connection", connectionField},
	// What frames a body, or speaks to the next hop alone (RFC 9110 7.6.1, RFC 9112 6).
	{"content-length", foreignField},
	{"transfer-encoding", foreignField},
	{"expect", foreignField},
	{"upgrade", foreignField},
	{"trailer", foreignField},
	{"te", foreignField},
	{"http2-settings", foreignField},
	{"proxy-connection", foreignField},
	{"keep-alive", foreignField},
}

// longestName is the length of the longest name above.
const longestName = len("if-unmodified-since")

// byLength holds the rows of fieldNames by the length of the name.
var byLength = func() (rows [longestName + 1][]uint8) {
	for i, r := range fieldNames {
		rows[len(r.name)] = append(rows[len(r.name)], uint8(i))
	}
	return rows
}()

// Request is one request as it was sent. Its strings are parts of the bytes that were parsed.
type Request struct {
	Method string // "GET" or "HEAD"
	Target string // in origin form (RFC 9112 3.2.1), every escape of its path well formed
	Close  bool   // Connection: close
	Proxy  bool   // Forwarded or an X-Forwarded- field was there

	head   []byte // the field lines, of a whole request
	has    uint32
	fields [numFields]string
}

// Get returns the value of a field, "" where it is absent.
func (r *Request) Get(f Field) string {
	if r.has&(1<<f) == 0 {
		return ""
	}
	return r.fields[f]
}

// Has says whether a field was there.
func (r *Request) Has(f Field) bool { return r.has&(1<<f) != 0 }

// Find looks for a field that is not kept, by its name in lower case: several of them are joined as net/http's are by whoever
// asks for all. It is for what few requests are asked for, and takes its time.
func (r *Request) Find(name string) string {
	var found []string
	for line := range strings.SplitSeq(text(r.head), "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, name) {
			found = append(found, strings.Trim(v, " "))
		}
	}
	return strings.Join(found, ", ")
}

// Verdict is what Parse found.
type Verdict uint8

// The verdicts.
const (
	Incomplete Verdict = iota // well formed so far
	Complete
	Foreign // something else than a strict client sends: not for this lane
)

// Classes of bytes.
const (
	tokenByte  = 1 << iota // tchar, RFC 9110 5.6.2
	targetByte             // what may stand in a target here: visible ASCII without '"', '<' and the like left to the name rules
	valueByte              // visible ASCII and space
	hostByte               // of a Host field: letters, digits, and .-_:[]
	hexByte
)

var classes = func() (c [256]uint8) {
	for b := ' '; b < 0x7f; b++ {
		c[b] |= valueByte
		if b > ' ' {
			c[b] |= targetByte
		}
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, b := range []byte(letters + "0123456789!#$%&'*+-.^_`|~") {
		c[b] |= tokenByte
	}
	for _, b := range []byte(letters + "0123456789.-_:[]") {
		c[b] |= hostByte
	}
	for _, b := range []byte("0123456789abcdefABCDEF") {
		c[b] |= hexByte
	}
	return c
}()

// Parse reads one request from the start of b and returns how many bytes it has. It allocates nothing: b must not be
// changed while any string of the request is in use.
//
// Complete are only requests that every recipient reads alike: GET or HEAD, a target that is a path, HTTP/1.1, fields
// of the form "Name: value" with one space and no white space at the end, one Host, none of the fields it keeps
// twice, nothing that frames a body. Foreign is said as soon as it is certain.
func (r *Request) Parse(b []byte) (int, Verdict) {
	r.has, r.Close, r.Proxy = 0, false, false
	p, v := r.line(b)
	first := p
	for v == Complete {
		if p < len(b) && b[p] == '\r' {
			if p+1 == len(b) {
				v = Incomplete
				break
			}
			if b[p+1] != '\n' || !r.Has(Host) || p+2 > MaxHeader {
				return 0, Foreign
			}
			r.head = b[first:p]
			return p + 2, Complete
		}
		var n int
		n, v = r.field(b[p:])
		p += n
	}
	if v == Incomplete && len(b) >= MaxHeader {
		v = Foreign
	}
	return 0, v
}

// line reads the request line.
func (r *Request) line(b []byte) (int, Verdict) {
	const get, head = "GET ", "HEAD "
	p := len(get)
	switch {
	case hasPrefix(b, get):
		r.Method = "GET"
	case hasPrefix(b, head):
		r.Method = "HEAD"
		p = len(head)
	case isPrefix(b, get), isPrefix(b, head):
		return 0, Incomplete
	default:
		return 0, Foreign
	}
	start, query := p, false
	for ; p < len(b) && classes[b[p]]&targetByte != 0; p++ {
		switch b[p] {
		case '?':
			query = true
		case '%':
			if query {
				break
			}
			for i := p + 1; i <= p+2; i++ {
				if i < len(b) && classes[b[i]]&hexByte == 0 {
					return 0, Foreign
				}
			}
		}
	}
	if p > start && b[start] != '/' {
		return 0, Foreign
	}
	const version = " HTTP/1.1\r\n"
	switch rest := b[p:]; {
	case p > start && hasPrefix(rest, version):
		r.Target = text(b[start:p])
		return p + len(version), Complete
	case p == len(b), p > start && isPrefix(rest, version):
		return 0, Incomplete
	}
	return 0, Foreign
}

// field reads one field line.
func (r *Request) field(b []byte) (int, Verdict) {
	p := 0
	for p < len(b) && classes[b[p]]&tokenByte != 0 {
		p++
	}
	if p == len(b) {
		return 0, Incomplete
	}
	if p == 0 || b[p] != ':' {
		return 0, Foreign
	}
	name := text(b[:p])
	p++
	if p == len(b) {
		return 0, Incomplete
	}
	if b[p] != ' ' {
		return 0, Foreign
	}
	p++
	start := p
	for p < len(b) && classes[b[p]]&valueByte != 0 {
		p++
	}
	if p > start && b[start] == ' ' {
		return 0, Foreign
	}
	if p == len(b) {
		return 0, Incomplete
	}
	if p == start || b[p] != '\r' || b[p-1] == ' ' {
		return 0, Foreign
	}
	if p+1 == len(b) {
		return 0, Incomplete
	}
	if b[p+1] != '\n' || !r.keep(name, text(b[start:p])) {
		return 0, Foreign
	}
	return p + 2, Complete
}

// keep takes a field; false says that the request is not for this lane.
func (r *Request) keep(name, value string) bool {
	f := fieldOf(name)
	switch f {
	case plainField:
		const prefix = "x-forwarded-"
		if len(name) > len(prefix) && name[0]|0x20 == 'x' && strings.EqualFold(name[:len(prefix)], prefix) {
			r.Proxy = true
		}
		return true
	case foreignField:
		return false
	}
	if f == connectionField {
		return r.connection(value)
	}
	if r.Has(f) {
		return false
	}
	if f == Forwarded || f == XForwardedFor {
		r.Proxy = true
	}
	if f == Host && !allOf(value, hostByte) {
		return false
	}
	r.has |= 1 << f
	r.fields[f] = value
	return true
}

// connection reads a Connection field, of which one may be there.
func (r *Request) connection(value string) bool {
	const seen = 1 << connectionField
	if r.has&seen != 0 {
		return false
	}
	r.has |= seen
	if strings.EqualFold(value, "close") {
		r.Close = true
		return true
	}
	return strings.EqualFold(value, "keep-alive")
}

func fieldOf(name string) Field {
	if len(name) > longestName {
		return plainField
	}
	for _, i := range byLength[len(name)] {
		row := &fieldNames[i]
		if row.name[0] == name[0]|0x20 && strings.EqualFold(row.name, name) {
			return row.field
		}
	}
	return plainField
}

func allOf(s string, class uint8) bool {
	for i := 0; i < len(s); i++ {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// isPrefix says whether b may yet become s.
func isPrefix(b []byte, s string) bool { return len(b) < len(s) && string(b) == s[:len(b)] }

// text is b without a copy.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
