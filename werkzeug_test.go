package rootbound

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// werkzeugPrelude reads JSON lines from standard input; text travels as hexadecimal bytes, so that names that are not
// UTF-8 arrive as Python's own file functions would decode them.
const werkzeugPrelude = `
import json, sys
import werkzeug
from werkzeug.security import safe_join
from werkzeug.utils import secure_filename
assert werkzeug.__version__ == "2.2.2", werkzeug.__version__
def dec(h): return bytes.fromhex(h).decode("utf-8", "surrogateescape")
def enc(s): return s.encode("utf-8", "surrogateescape").hex()
def out(v): sys.stdout.write(json.dumps(v) + "\n")
`

// askWerkzeug runs script once under Debian's Python with in as standard input and returns its lines of output.
func askWerkzeug(t *testing.T, script string, in []byte) []string {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "-c", werkzeugPrelude+script)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("/usr/bin/python3 with Werkzeug 2.2.2: %v; install Debian 12's package python3-flask\n%s", err, &stderr)
	}
	var lines []string
	sc := bufio.NewScanner(bytes.NewReader(stdout))
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		lines = append(lines, sc.Text())
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// jsonLines writes one JSON document a line.
func jsonLines[T any](t *testing.T, docs []T) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, d := range docs {
		if err := enc.Encode(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// nameParts is what generated names are made of: words, then every kind of character that a name function has
// stumbled over.
var nameParts = []string{
	"a", "file", "My cool movie", "README", "etc", "passwd", "x.txt", ".bashrc", "0", "Z",
	"/", "//", "\\", "..", ".", "...", "../", "./", "/..", "/.", "~", "-", "_", "__",
	" ", "  ", "\t", "\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f", "\x00", "\x01", "\x1b", "\x7f",
	"\u0085", "\u00a0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\ufeff",
	"ü", "é", "ß", "Å", "ﬁ", "½", "№", "℡", "㎏", "ª", "²", "¹", "Ⅷ", "①", "⑴", "🄰", "ſ", "K", "İ",
	"u\u0308", "a\u0301\u0323", "\u0301", "\u0344", "\u1e9b\u0323", strings.Repeat("\u0301", 40),
	"．", "／", "＼", "：", "ＣＯＮ", "․", "‥", "…", "∕", "⁄", "￼", "︙", "﹨", "＿", "´", "¨", "\u037e", "\u2100", "\u2105",
	"中文", "日本語", "한국", "각", "العربية", "ﷺ", "עברית", "हिन्दी", "😀", "👩\u200d👩\u200d👧", "𝐀𝟎", "𠀀", "\u202egpj",
	"\ua7f1", "\U0001ccd6", "\U0001ccf9", "\ue000", "\U0010ffff", "\ufffd", "\ufffe",
	"\xff", "\xc3", "\xc3(", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x98", "\xc0\xae", "\x80", "\xf4\x90\x80\x80",
	"CON", "nul", "aux ", "COM1", "LPT¹", "NUL.txt", "con.", "CONOUT$", "C:", "c:", ":", "<", ">", "\"", "|", "?", "*",
	"%2e", "%2f", "%00", "&", "=", ";", "'", "`", "$", "{", "}", "[", "]", "(", ")", "+", ",", "@", "#", "!", "^",
}

// generatedName makes a name of up to eight parts, now and then with a random code point of any plane.
func generatedName(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(8) {
		if r.IntN(5) == 0 {
			b.WriteRune(randomRune(r))
			continue
		}
		b.WriteString(nameParts[r.IntN(len(nameParts))])
	}
	return b.String()
}

// randomRune is from the first 0x3000 code points, from the planes in use, or from anywhere; never a surrogate.
func randomRune(r *rand.Rand) rune {
	limit := []int{0x80, 0x3000, 0x10000, 0x20000, utf8.MaxRune + 1}[r.IntN(5)]
	if c := rune(r.IntN(limit)); utf8.ValidRune(c) {
		return c
	}
	return 'x'
}
