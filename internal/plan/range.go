package plan

import (
	"crypto/rand"
	"math"
	"strconv"
	"strings"
)

// maxRanges is how many ranges one request may ask for. More get the whole file (14.2, 17.15).
const maxRanges = 16

// A span is n bytes from off.
type span struct{ off, n int64 }

// outcome is what a Range field comes to.
type outcome int

const (
	ignored       outcome = iota // the whole file is the answer
	satisfiable                  // at least one range is
	unsatisfiable                // it is valid, and no range is
)

// parseRange reads a Range field for a file of that size and appends the satisfiable ranges to spans, coalesced. What
// 14.2 lets a server ignore is ignored: another unit, an invalid specifier (one bad range spoils all), more than
// maxRanges, and ranges that add up to more than the file.
//
// On an empty file "bytes=-5" is satisfiable (14.1.2) but no Content-Range could say so: that is a 200 as well.
func parseRange(field string, size int64, spans []span) ([]span, outcome) {
	unit, set, ok := strings.Cut(trimOWS(field), "=")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return nil, ignored
	}
	count, left, fits := 0, size, true
	for more := true; more; {
		var spec string
		spec, set, more = strings.Cut(set, ",")
		if spec = trimOWS(spec); spec == "" {
			continue // an empty element (5.6.1.2)
		}
		s, found := parseSpec(spec, size)
		if found == ignored {
			return nil, ignored
		}
		if count++; count > maxRanges {
			return nil, ignored
		}
		if found == satisfiable && fits {
			fits = s.n <= left
			left -= s.n
			spans = append(spans, s)
		}
	}
	switch {
	case count == 0 || !fits:
		return nil, ignored
	case len(spans) == 0:
		return nil, unsatisfiable
	case size == 0:
		return nil, ignored
	}
	return coalesce(spans), satisfiable
}

// parseSpec reads one range of the unit bytes (14.1.2); ignored means that it is invalid.
func parseSpec(spec string, size int64) (span, outcome) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return span{}, ignored
	}
	if first == "" {
		n, ok := number(last)
		if !ok {
			return span{}, ignored
		}
		if n == 0 {
			return span{}, unsatisfiable
		}
		n = min(n, size)
		return span{size - n, n}, satisfiable
	}
	from, ok := number(first)
	if !ok {
		return span{}, ignored
	}
	to := int64(math.MaxInt64)
	if last != "" {
		if to, ok = number(last); !ok || smaller(last, first) {
			return span{}, ignored
		}
	}
	if from >= size {
		return span{}, unsatisfiable
	}
	return span{from, min(to, size-1) - from + 1}, satisfiable
}

// number reads digits. What is too large is the largest number there is: no file reaches it.
func number(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		d := int64(s[i]) - '0'
		if d < 0 || d > 9 {
			return 0, false
		}
		if n > (math.MaxInt64-d)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + d
	}
	return n, true
}

// smaller compares numbers of any size by their digits.
func smaller(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// coalesce joins ranges that overlap or touch (15.3.7.2). A joined range stands where the first of them stood.
func coalesce(spans []span) []span {
	out := spans[:0]
	for _, s := range spans {
		at := -1
		for i := 0; i < len(out); {
			if out[i].off > s.off+s.n || s.off > out[i].off+out[i].n {
				i++
				continue
			}
			s = union(s, out[i])
			if at < 0 {
				at = i
				i++
				continue
			}
			out = append(out[:i], out[i+1:]...)
		}
		if at < 0 {
			out = append(out, s)
			continue
		}
		out[at] = s
	}
	return out
}

func union(a, b span) span {
	off := min(a.off, b.off)
	return span{off, max(a.off+a.n, b.off+b.n) - off}
}

func (s span) appendContentRange(b []byte, size int64) []byte {
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, s.off, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.off+s.n-1, 10)
	b = append(b, '/')
	return strconv.AppendInt(b, size, 10)
}

// several is the 206 of several ranges (15.3.7.2): segments of framing (RFC 2046 5.1) and of the file in turn.
func several(r *Request, f *File, o *Options, spans []span) Plan {
	boundary := o.boundary()
	text := make([]byte, 0, (len(spans)+1)*(len(boundary)+len(f.ContentType)+96))
	var ends [maxRanges]int
	for i, s := range spans {
		if i > 0 {
			text = append(text, "\r\n"...)
		}
		text = append(append(text, "--"...), boundary...)
		if f.ContentType != "" {
			text = append(append(text, "\r\nContent-Type: "...), f.ContentType...)
		}
		text = s.appendContentRange(append(text, "\r\nContent-Range: "...), f.Size)
		text = append(text, "\r\n\r\n"...)
		ends[i] = len(text)
	}
	text = append(append(append(text, "\r\n--"...), boundary...), "--\r\n"...)

	p := Plan{Status: 206, Length: int64(len(text)), Segments: make([]Segment, 0, 2*len(spans)+1)}
	all, start := string(text), 0
	for i, s := range spans {
		p.Segments = append(p.Segments, Segment{Text: all[start:ends[i]]}, Segment{Off: s.off, Len: s.n})
		p.Length += s.n
		start = ends[i]
	}
	p.Segments = append(p.Segments, Segment{Text: all[start:]})
	a := new(answer)
	p.Fields = fileFields(a.fields[:0], r, f, o, "multipart/byteranges; boundary="+boundary, p.Length, nil)
	return p
}

func (o *Options) boundary() string {
	if o.Boundary != nil {
		return o.Boundary()
	}
	return rand.Text()
}
