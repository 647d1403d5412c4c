package probe

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"
	"unicode/utf16"
)

// digits returns n random hexadecimal digits.
func digits(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)[:n]
}

// secret is text that no answer holds unless it was read from a file of ours, with the forms it may arrive in.
type secret struct {
	text  string
	forms []form
}

type form struct {
	how  string
	text []byte
}

func newSecret() *secret { return secretOf(digits(16)) }

func secretOf(text string) *secret {
	s := &secret{text: text}
	s.add("as it is", s.text)
	s.add("in upper case", strings.ToUpper(s.text))
	s.add("in hexadecimal", hex.EncodeToString([]byte(s.text)))
	s.add("in hexadecimal", strings.ToUpper(hex.EncodeToString([]byte(s.text))))
	for shift := range 3 {
		s.add("in base64", base64Core(s.text, shift))
	}
	for _, little := range []bool{true, false} {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune(s.text)) {
			if little {
				b.Write([]byte{byte(u), byte(u >> 8)})
			} else {
				b.Write([]byte{byte(u >> 8), byte(u)})
			}
		}
		s.add("in UTF-16", b.String())
	}
	return s
}

func (s *secret) add(how, text string) { s.forms = append(s.forms, form{how, []byte(text)}) }

// base64Core is what stays of a text's base64 whatever stands around it, for one of the three ways it can be aligned.
func base64Core(text string, shift int) string {
	all := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + text))
	return all[(shift*8+5)/6 : (shift+len(text))*8/6]
}

// lines is a file that holds the secret many times, so that any part of some length shows it. id tells files apart.
func (s *secret) lines(id string) []byte {
	return bytes.Repeat([]byte(s.text+"-"+id+"\n"), 64)
}

// in looks for the secret in an answer, and says in what form it is there.
func (s *secret) in(a *answer) (how string, ok bool) {
	if how, ok = s.find(a.head()); ok {
		return how + ", in a header", true
	}
	return s.within(a.body, 2)
}

func (s *secret) find(b []byte) (string, bool) {
	for _, f := range s.forms {
		if bytes.Contains(b, f.text) {
			return f.how, true
		}
	}
	return "", false
}

// within also looks into what is compressed, as often as depth.
func (s *secret) within(b []byte, depth int) (string, bool) {
	if how, ok := s.find(b); ok || depth == 0 {
		return how, ok
	}
	for _, u := range unpack(b) {
		if how, ok := s.within(u.data, depth-1); ok {
			return how + ", in " + u.how, true
		}
	}
	return "", false
}

type unpacked struct {
	how  string
	data []byte
}

// maxUnpacked bounds what comes out of a compressed answer.
const maxUnpacked = 4 << 20

// unpack opens what a body's first bytes say that it is; a body that was cut gives what comes out of its start.
func unpack(b []byte) []unpacked {
	read := func(how string, r io.Reader, err error) []unpacked {
		if err != nil {
			return nil
		}
		data, _ := io.ReadAll(io.LimitReader(r, maxUnpacked)) // as far as it goes
		return []unpacked{{how, data}}
	}
	switch {
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		r, err := gzip.NewReader(bytes.NewReader(b))
		return read("gzip", r, err)
	case len(b) > 2 && b[0] == 0x78 && (int(b[0])<<8|int(b[1]))%31 == 0:
		r, err := zlib.NewReader(bytes.NewReader(b))
		return read("deflate", r, err)
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return unzip(b)
	}
	return nil
}

func unzip(b []byte) (out []unpacked) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil
	}
	total := int64(0)
	for _, f := range z.File[:min(len(z.File), 1000)] {
		out = append(out, unpacked{"the name of a ZIP entry", []byte(f.Name)})
		r, err := f.Open()
		if err != nil {
			continue
		}
		data, _ := io.ReadAll(io.LimitReader(r, maxUnpacked-total)) // as far as it goes
		_ = r.Close()
		total += int64(len(data))
		out = append(out, unpacked{"a ZIP entry", data})
	}
	return out
}

// deflated opens a raw deflate stream, which nothing but the header announces.
func deflated(a *answer) []byte {
	if !strings.EqualFold(a.get("Content-Encoding"), "deflate") {
		return nil
	}
	data, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(a.body)), maxUnpacked)) // as far as it goes
	return data
}

// names of a run. All are of one length, so that lengths of answers can be compared.
type names struct {
	run            string
	a, b           string   // canaries outside, in each directory above the base
	absent         []string // that dangling links lead to
	sibling        string   // a directory beside the base, whose name begins as the base's does
	listed         string   // a file whose name is secret: it shows in a listing
	dir            string   // the directory within the base that holds what --plant plants
	plain          string   // an ordinary file there
	twin           string   // beside it, with a file that has the same name as one of its
	hiddenA        string
	hiddenB        string
	uploads, raced string
}

func newName(prefix, suffix string) string { return prefix + digits(10) + suffix }

// newAbsent is a name like those of canaries, of a file that is nowhere.
func newAbsent() string { return newName("rb", ".txt") }

func newNames(baseName string, marker string) names {
	run := digits(8)
	return names{
		run: run, a: newAbsent(), b: newAbsent(), absent: []string{newAbsent(), newAbsent()},
		sibling: newName(baseName+"_rb", ""), listed: "rb-" + marker, dir: newName("rb", ""), twin: newName("rb", ""),
		plain: newAbsent(), hiddenA: newName(".rb", ""), hiddenB: newName(".rb", ""), uploads: "rbu" + run, raced: newName("rb", ""),
	}
}
