package plan

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestClientGetsItsBytes: a client that asks for ranges and applies the parts of the answer has the right bytes where
// it asked for them, nothing twice, and nothing from between.
func TestClientGetsItsBytes(t *testing.T) {
	partial, multi := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 3000).Draw(rt, "size")
		stored := pattern(size)
		specs := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) asked { return drawSpec(rt, size) }), 1, 20).Draw(rt, "specs")
		texts := make([]string, len(specs))
		wanted, sum, some := make([]bool, size), 0, false
		for i, s := range specs {
			texts[i] = s.text
			for at := s.from; at < min(s.to, size); at++ {
				wanted[at] = true
				sum++
				some = true
			}
		}
		f := testFile()
		f.Size = int64(size)
		comma := rapid.SampledFrom([]string{",", ", ", " ,,"}).Draw(rt, "comma")
		r := &Request{Method: "GET", Range: "bytes=" + strings.Join(texts, comma)}
		p := Make(r, f, &Options{})
		checkPlan(rt, r, f, p)

		want := 206
		switch {
		case len(specs) > maxRanges || sum > size:
			want = 200
		case !some:
			want = 416
		}
		if p.Status != want {
			rt.Fatalf("%s of %d bytes: %d, want %d", r.Range, size, p.Status, want)
		}
		if want != 206 {
			return
		}
		parts := partsOf(rt, get(rt, p, "Content-Type"), get(rt, p, "Content-Range"), render(rt, p, stored))
		partial++
		if len(parts) > 1 {
			multi++
		}
		applied := apply(rt, parts, size)
		for at := range stored {
			switch {
			case wanted[at] != (applied[at] >= 0):
				rt.Fatalf("%s: byte %d wanted %v, sent %v", r.Range, at, wanted[at], applied[at] >= 0)
			case wanted[at] && byte(applied[at]) != stored[at]:
				rt.Fatalf("%s: byte %d is %#x, want %#x", r.Range, at, applied[at], stored[at])
			}
		}
	})
	if partial == 0 || multi == 0 {
		t.Errorf("%d partial answers, %d of them multipart: the generator is too narrow", partial, multi)
	}
}

// asked is one range: its text, and the bytes [from, to) it stands for.
type asked struct {
	text     string
	from, to int
}

func drawSpec(rt *rapid.T, size int) asked {
	from := rapid.IntRange(0, size+size/4).Draw(rt, "from")
	n := rapid.IntRange(1, max(1, size/8)).Draw(rt, "n")
	switch rapid.IntRange(0, 9).Draw(rt, "kind") {
	case 0:
		return asked{fmt.Sprintf("%d-", from), from, size}
	case 1:
		return asked{fmt.Sprintf("-%d", n), size - n, size}
	case 2:
		return asked{fmt.Sprintf("%d-%d", size+from, size+from+n), size, size}
	default:
		return asked{fmt.Sprintf("%03d-%d", from, from+n-1), min(from, size), from + n}
	}
}

// apply writes the parts where they say they belong; -1 is a byte nobody sent.
func apply(t failer, parts []part, size int) []int {
	t.Helper()
	out := make([]int, size)
	for i := range out {
		out[i] = -1
	}
	for _, p := range parts {
		s := spanOf(t, p.Range, int64(size))
		if int64(len(p.Body)) != s.n || p.Type != "text/plain" {
			t.Fatalf("part %s has %d bytes of %s", p.Range, len(p.Body), p.Type)
		}
		for i := range len(p.Body) {
			at := int(s.off) + i
			if out[at] >= 0 {
				t.Fatalf("byte %d was sent twice", at)
			}
			out[at] = int(p.Body[i])
		}
	}
	return out
}
