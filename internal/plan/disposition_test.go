package plan

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"mime"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestDisposition(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		attachment bool
		filename   string
		want       string
	}{
		{false, "", "inline"},
		{true, "", "attachment"},
		{false, "a.txt", "inline; filename=a.txt"},
		{true, "report.pdf", "attachment; filename=report.pdf"},
		{true, "My cool movie.mov", `attachment; filename="My cool movie.mov"`},
		{true, "a;b,c.txt", `attachment; filename="a;b,c.txt"`},
		{true, "(тест.txt", `attachment; filename="(____.txt"; filename*=UTF-8''%28%D1%82%D0%B5%D1%81%D1%82.txt`}, // werkzeug#2529
		{true, "{a}.txt", `attachment; filename="{a}.txt"`},
		{true, "{ä}.txt", `attachment; filename="{a}.txt"; filename*=UTF-8''%7B%C3%A4%7D.txt`},
		{true, "na ïve (1).txt", `attachment; filename="na ive (1).txt"; filename*=UTF-8''na%20%C3%AFve%20%281%29.txt`},
		{true, "日本語.txt", "attachment; filename=___.txt; filename*=UTF-8''%E6%97%A5%E6%9C%AC%E8%AA%9E.txt"},
		{true, "😀.png", "attachment; filename=_.png; filename*=UTF-8''%F0%9F%98%80.png"},
		{true, "e\u0301.txt", "attachment; filename=e.txt; filename*=UTF-8''e%CC%81.txt"},
		{true, "€uro", "attachment; filename=_uro; filename*=UTF-8''%E2%82%ACuro"},
		{true, `say "hi".txt`, `attachment; filename="say _hi_.txt"; filename*=UTF-8''say%20%22hi%22.txt`},
		{true, "100%.txt", "attachment; filename=100_.txt; filename*=UTF-8''100%25.txt"},
		{true, "%2e%2e%2fx", "attachment; filename=_2e_2e_2fx; filename*=UTF-8''%252e%252e%252fx"},
		{true, "it's.txt", "attachment; filename=it's.txt"},
		{true, "it's ü", "attachment; filename=\"it's u\"; filename*=UTF-8''it%27s%20%C3%BC"},
		{true, "a\r\nSet-Cookie: x=y", `attachment; filename="a__Set-Cookie: x=y"`},
		{true, "a\x00b\x7f\u0085c", "attachment; filename=a_b__c"},
		{true, `..\..\etc/passwd`, "attachment; filename=_.._etc_passwd"},
		{true, "../../x", "attachment; filename=_.._x"},
		{true, ".htaccess", "attachment; filename=htaccess"},
		{true, " a. . ", "attachment; filename=a"},
		{true, "...", "attachment; filename=download"},
		{true, "\u3000", "attachment; filename=download"},
		{true, "photo\u202egpj.exe", "attachment; filename=photo_gpj.exe"},
		{true, "a\u2028b", "attachment; filename=a_b"},
		{true, "bad\xff\xfe.txt", "attachment; filename=bad_.txt"},
		{true, "．．／etc", "attachment; filename=_etc; filename*=UTF-8''%EF%BC%8E%EF%BC%8E%EF%BC%8Fetc"},
		{true, "a＂b％41", "attachment; filename=a_b_41; filename*=UTF-8''a%EF%BC%82b%EF%BC%8541"},
		{true, "…", "attachment; filename=download; filename*=UTF-8''%E2%80%A6"},
		{true, long + ".tar", "attachment; filename=" + long[:251] + ".tar"},
		{true, long, "attachment; filename=" + long[:255]},
		{true, long + "." + long, "attachment; filename=" + long[:255]},
		{true, long[:250] + ". .tar", "attachment; filename=" + long[:250] + ".tar"},
	} {
		if got := Disposition(tt.attachment, tt.filename); got != tt.want {
			t.Errorf("Disposition(%t, %q) =\n\t%s, want\n\t%s", tt.attachment, tt.filename, got, tt.want)
		}
	}
}

// flaskScript answers, for each line {"n": name, "a": as_attachment, "o": our header}, with the header of Flask's
// send_file (null where it raises) and the file name that Werkzeug's parser finds in ours. Text travels as hexadecimal
// bytes, so that names that are not UTF-8 arrive as Python's own file functions would decode them.
const flaskScript = `
import io, json, sys
import flask, werkzeug
from werkzeug.http import parse_options_header
assert werkzeug.__version__ == "2.2.2", werkzeug.__version__
app = flask.Flask("oracle")
with app.test_request_context():
    for line in sys.stdin:
        c = json.loads(line)
        name = bytes.fromhex(c["n"]).decode("utf-8", "surrogateescape")
        try:
            r = flask.send_file(io.BytesIO(), mimetype="text/plain", as_attachment=c["a"], download_name=name)
            header = r.headers["Content-Disposition"].encode("latin-1").hex()
        except ValueError:
            header = None
        kind, options = parse_options_header(c["o"])
        parsed = options.get("filename", "").encode("utf-8").hex()
        sys.stdout.write(json.dumps({"header": header, "kind": kind, "parsed": parsed}) + "\n")
`

type flaskQuestion struct {
	Name       string `json:"n"`
	Attachment bool   `json:"a"`
	Ours       string `json:"o"`
}

type flaskAnswer struct {
	Header *string
	Kind   string
	Parsed string
}

func askFlask(t *testing.T, questions []flaskQuestion) []flaskAnswer {
	t.Helper()
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, q := range questions {
		q.Name = hex.EncodeToString([]byte(q.Name))
		if err := enc.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/usr/bin/python3", "-c", flaskScript)
	cmd.Stdin = &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("/usr/bin/python3 with Flask 2.2.2: %v; install Debian 12's package python3-flask\n%s", err, &stderr)
	}
	var answers []flaskAnswer
	for dec := json.NewDecoder(bufio.NewReader(bytes.NewReader(out))); dec.More(); {
		var a flaskAnswer
		if err := dec.Decode(&a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(questions) {
		t.Fatalf("asked Flask about %d names, %d answers", len(questions), len(answers))
	}
	return answers
}

// flaskDifferences lists each kind of name for which a reader of our header may find another name than a reader of
// Flask's. The first row that applies is the reason; a name to which none applies must read the same in both.
var flaskDifferences = []struct {
	why     string
	applies func(string) bool
}{
	{"newline: Werkzeug raises, ours is _", matchesFlask("[\r\n]")},
	{"not UTF-8: Werkzeug raises, ours is _", func(s string) bool { return !utf8.ValidString(s) }},
	{"empty: Werkzeug sends filename=, ours has no name", matchesFlask(`\A\z`)},
	{"control character: Werkzeug sends it, ours is _", func(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }},
	{"separator: Werkzeug sends it, ours is _", matchesFlask(`[/\\]`)},
	{"bidi control, line separator, byte order mark: Werkzeug sends it, ours is _", matchesFlask(`[\x{61c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{206f}\x{feff}]`)},
	{"dot or white space at an end: Werkzeug keeps it, ours is trimmed", matchesFlask(`\A[.\p{Z}]|[.\p{Z}]\z`)},
	{"over 255 bytes: Werkzeug has no bound, ours is cut", func(s string) bool { return len(s) > maxDownloadName }},
	{"[(),;] in a name that needs filename*: Werkzeug quotes that, and Chrome and Safari ignore it (werkzeug#2529)", matchesFlask(`[(),;].*[^\x00-\x7f]|[^\x00-\x7f].*[(),;]`)},
	{"nothing that folds to ASCII: Werkzeug's filename= has no value, which no grammar allows", func(s string) bool {
		return !strings.ContainsFunc(s, func(r rune) bool { return foldRune(r) != "" })
	}},
}

func matchesFlask(expr string) func(string) bool { return regexp.MustCompile(expr).MatchString }

var dispositionParts = []string{
	"a", "report", "My file", "x.txt", ".pdf", ".tar.gz", "2026-05", "_", "-", ".", " ", "~", "+", "&", "=", "@", "#", "!", "$", "^",
	";", ",", "'", "(", ")", "*", "{", "}", "[", "]", "<", ">", "|", "?", ":", "\"", "`", "%", "%41", "%2e%2e%2f", "''", "UTF-8''x",
	"/", "\\", "..", "\r\n", "\n", "\t", "\x00", "\x1b[31m", "\x7f", "\u0085", "\u00a0", "\u3000", "\u2028",
	"ü", "é", "e\u0301", "ß", "€", "中文", "日本語", "한국", "العربية", "עברית", "😀", "👩\u200d👧", "\u202e", "\u2066", "\u200f", "\ufeff",
	"／", "＼", "．", "…", "＂", "％", "﹨", "ﬁ", "½", "\xff", "\xe2\x82", "\ufffd", "\U000e0041", "\ue000",
}

func generatedFilename(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(6) {
		b.WriteString(dispositionParts[r.IntN(len(dispositionParts))])
	}
	if r.IntN(50) == 0 {
		b.WriteString(strings.Repeat("long ü", 1+r.IntN(100)))
	}
	return b.String()
}

// readName is the file name that Go's parser of RFC 2045 and 2231 parameters finds in a header. Unlike that parser, and
// like Chrome and Safari, it takes no filename* in quotation marks, which RFC 8187, 3.2 does not know.
func readName(header string) (kind, name string, err error) {
	if strings.Contains(header, `; filename*="`) {
		return "", "", errors.New("filename* in quotation marks")
	}
	kind, params, err := mime.ParseMediaType(header)
	return kind, params["filename"], err
}

func TestDispositionIsReadAsFlasks(t *testing.T) {
	r := rand.New(rand.NewPCG(92, 65))
	questions := []flaskQuestion{{Name: ""}}
	for _, p := range dispositionParts {
		questions = append(questions, flaskQuestion{Name: p})
	}
	for len(questions) < 10_000 {
		questions = append(questions, flaskQuestion{Name: generatedFilename(r), Attachment: r.IntN(2) == 0})
	}
	for i, q := range questions {
		questions[i].Ours = Disposition(q.Attachment, q.Name)
	}
	count := make(map[string]int)
	for i, a := range askFlask(t, questions) {
		q := questions[i]
		kind, ours, err := readName(q.Ours)
		if err != nil || kind != a.Kind {
			t.Errorf("%q: we send %q, which reads as type %q to Go and %q to Werkzeug (%v)", q.Name, q.Ours, kind, a.Kind, err)
		}
		if want := hex.EncodeToString([]byte(ours)); a.Parsed != want {
			t.Errorf("%q: we send %q, Werkzeug reads %s, want %s", q.Name, q.Ours, a.Parsed, want)
		}
		count[compareWithFlask(t, q, a, ours)]++
	}
	for _, d := range flaskDifferences {
		if count[d.why] == 0 {
			t.Errorf("no name differs because of %q: the row is stale", d.why)
		}
	}
	for _, same := range []string{sameHeader, sameName} {
		if count[same] < 500 {
			t.Errorf("%s: %d of %d, want at least 500", same, count[same], len(questions))
		}
	}
	t.Logf("%v", count)
}

const (
	sameHeader = "the same header"
	sameName   = "another header, the same name"
)

// plainToken has no percent sign, which is where Flask's token and ours part.
var plainToken = regexp.MustCompile("\\A[A-Za-z0-9!#$&'*+.^_`|~-]+\\z")

// compareWithFlask names what our header and Flask's have in common, or why they have not.
func compareWithFlask(t *testing.T, q flaskQuestion, a flaskAnswer, ours string) string {
	t.Helper()
	var reason string
	for _, d := range flaskDifferences {
		if d.applies(q.Name) {
			reason = d.why
			break
		}
	}
	if a.Header != nil {
		header, err := hex.DecodeString(*a.Header)
		if err != nil {
			t.Fatal(err)
		}
		if string(header) == q.Ours {
			return sameHeader
		}
		if plainToken.MatchString(q.Name) && reason == "" {
			t.Errorf("%q: we send %q, Flask %q", q.Name, q.Ours, header)
		}
		if _, theirs, err := readName(string(header)); err == nil && theirs == ours && ours == q.Name {
			return sameName
		}
	}
	if reason == "" {
		t.Errorf("%q: we send %q, Flask %v: not a listed difference", q.Name, q.Ours, a)
	}
	return reason
}

// sane holds the names that must arrive unchanged: valid, bounded, with nothing that Disposition replaces or trims.
func sane(s string) bool {
	return s != "" && len(s) <= maxDownloadName && utf8.ValidString(s) && !strings.ContainsFunc(s, unsafeInDownload) && trimName(s) == s
}

func FuzzDisposition(f *testing.F) {
	for _, p := range dispositionParts {
		f.Add(true, p)
	}
	f.Fuzz(func(t *testing.T, attachment bool, filename string) {
		header := Disposition(attachment, filename)
		for _, c := range []byte(header) {
			if c < ' ' || c > '~' || c == '\\' || c == '/' {
				t.Fatalf("%q: header %q has the byte %#x", filename, header, c)
			}
		}
		if len(header) > len("attachment; filename=\"\"; filename*=UTF-8''")+4*maxDownloadName {
			t.Errorf("%q: header of %d bytes", filename, len(header))
		}
		kind, name, err := readName(header)
		if err != nil || attachment != (kind == "attachment") || !attachment != (kind == "inline") {
			t.Fatalf("%q: header %q reads as %q: %v", filename, header, kind, err)
		}
		if sane(filename) && name != filename {
			t.Errorf("%q: header %q reads as %q", filename, header, name)
		}
		if filename != "" && !sane(name) {
			t.Errorf("%q: header %q reads as %q, which is no name to save", filename, header, name)
		}
		fallback, _, _ := strings.Cut(header, "; filename*=")
		if _, short, err := readName(fallback); err != nil || filename != "" && !sane(short) || strings.ContainsAny(short, `%"`) {
			t.Errorf("%q: the fallback %q reads as %q: %v", filename, fallback, short, err)
		}
	})
}

// TestPlainNames: what is taken for a plain name would come out of the long way as it is.
func TestPlainNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "photo-1_2.tar.gz": true, strings.Repeat("x", maxDownloadName): true,
		"": false, ".": false, ".hidden": false, "end.": false, "two words": false, "50%": false, `a"b`: false, "a/b": false, "ä": false,
		"a;b": false, "a\x00b": false, strings.Repeat("x", maxDownloadName+1): false,
	} {
		if got := plainName(name); got != want {
			t.Errorf("plainName(%q) = %v, want %v", name, got, want)
		}
		if long := tokenOrQuoted(asciiDownloadName(downloadName(name))); plainName(name) && (long != name || downloadName(name) != name) {
			t.Errorf("%q is %q the long way", name, long)
		}
	}
}
