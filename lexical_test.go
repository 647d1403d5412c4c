package rootbound

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

func TestSecureFilenameIsWerkzeugs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 14))
	names := append([]string{"", "My cool movie.mov", "../../../etc/passwd", "i contain cool \xfcml\xe4uts.txt"}, nameParts...)
	for len(names) < 24_000 {
		names = append(names, generatedName(r))
	}
	in := make([]string, len(names))
	for i, n := range names {
		in[i] = hex.EncodeToString([]byte(n))
	}
	lines := askWerkzeug(t, "for line in sys.stdin: out(enc(secure_filename(dec(json.loads(line)))))\n", jsonLines(t, in))
	if len(lines) != len(names) {
		t.Fatalf("asked about %d names, %d answers", len(names), len(lines))
	}
	kept := 0
	for i, line := range lines {
		want := unhex(t, strings.Trim(line, `"`))
		if got := SecureFilename(names[i]); got != want {
			t.Errorf("SecureFilename(%+q) = %q, Werkzeug gives %q", names[i], got, want)
		}
		if want != "" {
			kept++
		}
	}
	if kept < len(names)/2 {
		t.Errorf("only %d of %d results are not empty: the generator does not try much", kept, len(names))
	}
}

// TestSecureFilenameEveryCodePoint asks about all 1,112,064 code points, between two letters so that nothing is
// stripped. Werkzeug names those that leave a trace; none other may leave one here.
func TestSecureFilenameEveryCodePoint(t *testing.T) {
	t.Parallel()
	lines := askWerkzeug(t, `
for c in range(0x110000):
    if not 0xd800 <= c < 0xe000:
        s = secure_filename("a" + chr(c) + "b")
        if s != "ab": out([c, s])
`, nil)
	want := make(map[rune]string)
	for _, line := range lines {
		var c rune
		var s string
		if err := json.Unmarshal([]byte(line), &[]any{&c, &s}); err != nil {
			t.Fatal(err)
		}
		want[c] = s
	}
	if len(want) < 2000 {
		t.Fatalf("Werkzeug keeps something of %d code points only", len(want))
	}
	for c := rune(0); c <= utf8.MaxRune; c++ {
		if !utf8.ValidRune(c) {
			continue
		}
		w, ok := want[c]
		if !ok {
			w = "ab"
		}
		if got := SecureFilename("a" + string(c) + "b"); got != w {
			t.Errorf("SecureFilename of %U between a and b = %q, Werkzeug gives %q", c, got, w)
		}
	}
}

// safeJoinStricter lists each reason for which SafeJoin may refuse what Werkzeug's safe_join joins.
var safeJoinStricter = []struct {
	err error
	why string
}{
	{reason.New(reason.NameEmpty, nil), "Werkzeug takes an empty base for the working directory"},
	{reason.New(reason.NameUTF8, nil), "two such names may fold to one, and macOS refuses them"},
	{reason.New(reason.NameNUL, nil), "the system call ends the name there"},
	{reason.New(reason.NameControl, nil), "logs, headers and terminals; Windows refuses them"},
	{reason.New(reason.NameBackslash, nil), "a separator on Windows, where Werkzeug refuses it too"},
	{reason.New(reason.NamePortable, name.ErrColon), "a drive or a data stream on Windows"},
	{reason.New(reason.NamePortable, name.ErrDeviceName), "a device on Windows; Werkzeug 3.1 refuses it there"},
	{reason.New(reason.NamePortable, name.ErrReservedChar), "wildcards on Windows"},
	{reason.New(reason.NamePortable, name.ErrTrailing), "Windows drops it: two names, one file"},
}

type joinCase struct {
	Base  string   `json:"b"`
	Parts []string `json:"p"`
}

func (c joinCase) hex() joinCase {
	h := joinCase{Base: hex.EncodeToString([]byte(c.Base)), Parts: []string{}}
	for _, p := range c.Parts {
		h.Parts = append(h.Parts, hex.EncodeToString([]byte(p)))
	}
	return h
}

// plainParts make joins that are mostly accepted, so that results are compared and not only refusals.
var plainParts = []string{
	"a", "b.txt", "dir", "..", ".", "", "x y", "ü", "-", ".hidden", "..a", "中", "a.b.c", "~", "%2e%2e", "*", "NUL", "a.", "C:",
}

func generatedJoin(r *rand.Rand) joinCase {
	bases := []string{"base", "/srv/files", "/", ".", "..", "base/", "a/../b", "base//", "bäse", "/srv/NUL", ""}
	c := joinCase{Base: bases[r.IntN(len(bases))]}
	for range r.IntN(4) {
		if r.IntN(4) == 0 {
			c.Parts = append(c.Parts, generatedName(r))
			continue
		}
		elems := make([]string, 1+r.IntN(4))
		for i := range elems {
			elems[i] = plainParts[r.IntN(len(plainParts))]
		}
		c.Parts = append(c.Parts, strings.Join(elems, "/"))
	}
	return c
}

// askSafeJoin returns Werkzeug's answer to each join: a JSON string of hexadecimal bytes, or null where it refuses.
func askSafeJoin(t *testing.T, docs []joinCase) []string {
	t.Helper()
	lines := askWerkzeug(t, `
for line in sys.stdin:
    c = json.loads(line)
    s = safe_join(dec(c["b"]), *map(dec, c["p"]))
    out(None if s is None else enc(s))
`, jsonLines(t, docs))
	if len(lines) != len(docs) {
		t.Fatalf("asked about %d joins, %d answers", len(docs), len(lines))
	}
	return lines
}

func TestSafeJoinIsWerkzeugsOrStricter(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 92))
	cases := make([]joinCase, 24_000)
	docs := make([]joinCase, len(cases))
	for i := range cases {
		cases[i] = generatedJoin(r)
		docs[i] = cases[i].hex()
	}
	lines := askSafeJoin(t, docs)
	count := make(map[string]int)
	for i, line := range lines {
		c := cases[i]
		got, err := SafeJoin(c.Base, c.Parts...)
		switch refused := line == "null"; {
		case refused && err == nil:
			t.Errorf("SafeJoin(%q, %q) = %q, Werkzeug refuses", c.Base, c.Parts, got)
		case refused:
			count["both refuse"]++
		case err != nil:
			count[stricterReason(t, c, err)]++
		default:
			count["both join"]++
			if want := unhex(t, strings.Trim(line, `"`)); got != want {
				t.Errorf("SafeJoin(%q, %q) = %q, Werkzeug gives %q", c.Base, c.Parts, got, want)
			}
		}
	}
	for _, s := range safeJoinStricter {
		if count[s.err.Error()] == 0 {
			t.Errorf("no join was refused for %q alone: the row is stale", s.err)
		}
	}
	for _, k := range []string{"both refuse", "both join"} {
		if count[k] < 2000 {
			t.Errorf("%s: %d of %d, want at least 2000", k, count[k], len(cases))
		}
	}
	t.Logf("%v", count)
}

// stricterReason finds the row of safeJoinStricter that err is.
func stricterReason(t *testing.T, c joinCase, err error) string {
	t.Helper()
	for _, s := range safeJoinStricter {
		if errors.Is(err, s.err) {
			return s.err.Error()
		}
	}
	t.Errorf("SafeJoin(%q, %q): %v, and Werkzeug joins: not a listed difference", c.Base, c.Parts, err)
	return "unlisted"
}

func TestSafeJoinRefuses(t *testing.T) {
	for _, tt := range []struct {
		part string
		want error
	}{
		{"/etc/passwd", reason.New(reason.NameAbsolute, nil)},
		{"//host/share", reason.New(reason.NameAbsolute, nil)},
		{"..", reason.New(reason.NameTraversal, nil)},
		{"../x", reason.New(reason.NameTraversal, nil)},
		{"a/../../x", reason.New(reason.NameTraversal, nil)},
		{"a/..//../x", reason.New(reason.NameTraversal, nil)},
		{"a\x00/../../x", reason.New(reason.NameNUL, nil)},
		{"a\nb", reason.New(reason.NameControl, nil)},
		{"a\x7f", reason.New(reason.NameControl, nil)},
		{"a\u0085", reason.New(reason.NameControl, nil)},
		{"a\xff", reason.New(reason.NameUTF8, nil)},
		{`..\x`, reason.New(reason.NameBackslash, nil)},
		{`\\host\share`, reason.New(reason.NameBackslash, nil)},
		{`\??\c:\x`, reason.New(reason.NameBackslash, nil)},
		{"C:", reason.New(reason.NamePortable, name.ErrColon)},
		{"c:/x", reason.New(reason.NamePortable, name.ErrColon)},
		{"a/../b:/x", reason.New(reason.NamePortable, name.ErrColon)},
		{"a.txt::$DATA", reason.New(reason.NamePortable, name.ErrColon)},
		{"...", reason.New(reason.NamePortable, name.ErrTrailing)},
		{"a./b", reason.New(reason.NamePortable, name.ErrTrailing)},
		{"a /b", reason.New(reason.NamePortable, name.ErrTrailing)},
		{"a?", reason.New(reason.NamePortable, name.ErrReservedChar)},
	} {
		got, err := SafeJoin("/srv/secret-base", "ok", tt.part)
		if !errors.Is(err, tt.want) {
			t.Errorf("SafeJoin(base, %q) = %q, %v, want %v", tt.part, got, err, tt.want)
			continue
		}
		var pe *fs.PathError
		if !errors.As(err, &pe) || pe.Path != tt.part {
			t.Errorf("SafeJoin(base, %q): error %#v does not carry the part", tt.part, err)
		}
		if strings.Contains(err.Error(), "secret-base") {
			t.Errorf("SafeJoin(base, %q): error %q tells the base", tt.part, err)
		}
	}
	if _, err := SafeJoin("", "a"); !errors.Is(err, reason.New(reason.NameEmpty, nil)) {
		t.Errorf("SafeJoin with an empty base: %v, want %v", err, reason.New(reason.NameEmpty, nil))
	}
}

// TestAdvisory_SafeJoin: four times Werkzeug's safe_join let something through that Windows reads as a device or as a
// network share, each time in a form the fix before had not thought of; Go's path/filepath had its own four with drives,
// roots and devices that cleaning brought to light. The Werkzeug installed here is the control: it joins each of them.
func TestAdvisory_SafeJoin(t *testing.T) {
	advisories := []struct {
		id, part string
		want     error
	}{
		{"GHSA-f9vj-2wh5-fj8j", `\\host\share`, reason.New(reason.NameBackslash, nil)},
		{"GHSA-hgf8-39gv-g3f2", "CON", reason.New(reason.NamePortable, name.ErrDeviceName)},
		{"GHSA-87hc-h4r5-73f7", "NUL.txt", reason.New(reason.NamePortable, name.ErrDeviceName)},
		{"GHSA-87hc-h4r5-73f7", "aux ", reason.New(reason.NamePortable, name.ErrDeviceName)},
		{"GHSA-29vq-49wr-vm6x", "aux /x", reason.New(reason.NamePortable, name.ErrDeviceName)},
		{"GHSA-29vq-49wr-vm6x", "a/com1.x/b", reason.New(reason.NamePortable, name.ErrDeviceName)},
		{"CVE-2022-29804", `.\c:`, reason.New(reason.NameBackslash, nil)},
		{"CVE-2022-41722", "a/../c:/b", reason.New(reason.NamePortable, name.ErrColon)},
		{"CVE-2023-45283", `\??\c:\x`, reason.New(reason.NameBackslash, nil)},
		{"CVE-2023-45284", "COM1 ", reason.New(reason.NamePortable, name.ErrDeviceName)},
		{"CVE-2023-45284", "LPT¹", reason.New(reason.NamePortable, name.ErrDeviceName)},
	}
	var docs []joinCase
	for _, a := range advisories {
		docs = append(docs, joinCase{Base: "base", Parts: []string{a.part}}.hex())
	}
	control := askSafeJoin(t, docs)
	for i, a := range advisories {
		t.Run(a.id, func(t *testing.T) {
			if control[i] == "null" {
				t.Errorf("the control refuses %q", a.part)
			}
			if got, err := SafeJoin("base", a.part); !errors.Is(err, a.want) {
				t.Errorf("SafeJoin(base, %q) = %q, %v, want %v", a.part, got, err, a.want)
			}
		})
	}
}

func ExampleSecureFilename() {
	fmt.Println(SecureFilename("My cool movie.mov"))
	fmt.Println(SecureFilename("../../../etc/passwd"))
	fmt.Println(SecureFilename("i contain cool ümläuts.txt"))
	fmt.Printf("%q\n", SecureFilename("日本語"))
	// Output:
	// My_cool_movie.mov
	// etc_passwd
	// i_contain_cool_umlauts.txt
	// ""
}

func ExampleSafeJoin() {
	fmt.Println(SafeJoin("/srv/files", "reports", "2026/may.pdf"))
	fmt.Println(SafeJoin("/srv/files", "../etc/passwd"))
	fmt.Println(SafeJoin("/srv/files", "docs/NUL.txt"))
	// Output:
	// /srv/files/reports/2026/may.pdf <nil>
	//  safejoin ../etc/passwd: an element of the name is '..'
	//  safejoin docs/NUL.txt: another system would misread the name (device name)
}

var secureResult = regexp.MustCompile(`\A(?:[A-Za-z0-9-](?:[A-Za-z0-9_.-]*[A-Za-z0-9-])?)?\z`)

func FuzzSecureFilename(f *testing.F) {
	for _, s := range nameParts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := SecureFilename(s)
		if !secureResult.MatchString(got) {
			t.Errorf("SecureFilename(%q) = %q, not one plain element", s, got)
		}
		if again := SecureFilename(got); again != got {
			t.Errorf("SecureFilename(%q) = %q, and of that %q", s, got, again)
		}
		if got != "" && !filepath.IsLocal(got) {
			t.Errorf("SecureFilename(%q) = %q is not local", s, got)
		}
	})
}

func FuzzSafeJoin(f *testing.F) {
	for i, s := range nameParts {
		f.Add("base", s, nameParts[len(nameParts)-1-i])
	}
	f.Fuzz(func(t *testing.T, base, a, b string) {
		got, err := SafeJoin(base, a, b)
		if err != nil {
			if got != "" {
				t.Errorf("SafeJoin(%q, %q, %q) = %q and an error", base, a, b, got)
			}
			return
		}
		rel, err := filepath.Rel(base, got)
		if err != nil {
			t.Fatalf("SafeJoin(%q, %q, %q) = %q: %v", base, a, b, got, err)
		}
		if rel != "." && !filepath.IsLocal(rel) {
			t.Errorf("SafeJoin(%q, %q, %q) = %q, which is %q from the base", base, a, b, got, rel)
		}
		for elem := range strings.SplitSeq(rel, "/") {
			if elem != "." && name.PortableElement(elem) != nil {
				t.Errorf("SafeJoin(%q, %q, %q) = %q has the element %q", base, a, b, got, elem)
			}
		}
	})
}
