package rootbound

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// TestPolicies is the table of the three policies at hand.
func TestPolicies(t *testing.T) {
	policies := []NamePolicy{Local, Portable, Strict}
	const l, p, s = reason.Code(""), reason.NamePortable, reason.NameStrict
	for _, tt := range []struct {
		name string
		want [3]Reason
	}{
		{"a", [3]Reason{}},
		{"a/b-c_d.txt", [3]Reason{}},
		{".hidden", [3]Reason{}}, // Config.AllowHidden's business
		{"...", [3]Reason{l, p, l}},
		{"a b", [3]Reason{l, l, s}},
		{"é", [3]Reason{l, l, s}},
		{"a+b", [3]Reason{l, l, s}},
		{"a~", [3]Reason{l, l, s}},
		{"a:b", [3]Reason{l, p, s}},
		{"a?", [3]Reason{l, p, s}},
		{"CON", [3]Reason{l, p, l}},
		{"x/nul.txt", [3]Reason{l, p, l}},
		{"a.", [3]Reason{l, p, l}},
		{"a ", [3]Reason{l, p, s}},
		{"a.txt\n", all(reason.NameControl)}, // what an allowlist that ends in '$' lets through
		{"a\r", all(reason.NameControl)},
		{"a\x00", all(reason.NameNUL)},
		{"a\u0085", all(reason.NameControl)},
		{"\xff", all(reason.NameUTF8)},
		{"", all(reason.NameEmpty)},
		{"/a", all(reason.NameAbsolute)},
		{"a/", all(reason.NameEmptyElement)},
		{"a//b", all(reason.NameEmptyElement)},
		{".", all(reason.NameDot)},
		{"a/..", all(reason.NameTraversal)},
		{`a\b`, all(reason.NameBackslash)},
		{strings.Repeat("a", 255), [3]Reason{}},
		{strings.Repeat("a", 256), all(reason.NameTooLong)},
	} {
		for i, policy := range policies {
			if got := ReasonOf(policy(tt.name)); got != tt.want[i] {
				t.Errorf("%s(%.40q) = %q, want %q", [...]string{"Local", "Portable", "Strict"}[i], tt.name, got, tt.want[i])
			}
		}
	}
}

func all(r Reason) [3]Reason { return [3]Reason{r, r, r} }

// FuzzStrict compares Strict with the expression it stands for, anchored to the very ends.
func FuzzStrict(f *testing.F) {
	for _, s := range []string{"a", "a.txt\n", "a/b", "..", "a/../b", "é", "", "/", "a\x00", "A-z_0.9", "a\n/b"} {
		f.Add(s)
	}
	allowed := regexp.MustCompile(`\A[A-Za-z0-9_.-]{1,255}(?:/[A-Za-z0-9_.-]{1,255})*\z`)
	f.Fuzz(func(t *testing.T, in string) {
		want := allowed.MatchString(in) && len(in) <= 4095
		for elem := range strings.SplitSeq(in, "/") {
			want = want && elem != "." && elem != ".."
		}
		if got := Strict(in) == nil; got != want {
			t.Errorf("Strict(%q) taken: %v, want %v", in, got, want)
		}
		if Strict(in) == nil && Local(in) != nil {
			t.Errorf("Strict takes %q, Local does not", in)
		}
	})
}
