package review

import (
	"bytes"
	"encoding/json"
	"html/template"
	"strings"
	"testing"
	texttemplate "text/template"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/net/html"

	"github.com/rootbound/rootbound/internal/finding"
)

// hostile is text that an attacker chose.
const hostile = "</script><script>alert(1)</script><img src=//evil.test onerror=alert(2)><pre id=\"signature\"></pre>\x1b[2J\r\n\u202e\xff\"'&{{.}}"

// bad is a finding of an attacker's making.
func bad(place string) finding.Finding {
	return finding.Finding{Rule: finding.LinkEscape, Place: finding.Place{Path: place}, Evidence: "-> " + place}
}

// reviewed is a review with one part that looked, and one that could not.
func reviewed(accepted *finding.Baseline, all ...finding.Finding) *Document {
	d := New("rootbound 1.2.3", []string{"files", "http://127.0.0.1:1/"})
	p := d.Add("inspect", "files")
	o := finding.Options{Baseline: accepted.Part(p.Key()), Record: true}
	r := finding.NewReport("inspect", "1.2.3", "/srv/files", o)
	for _, f := range all {
		r.Add(f)
	}
	r.Finish()
	p.Take(r, o.Baseline)
	d.Add("probe", "http://127.0.0.1:1/").Fail(Failed, "connection refused")
	d.Finish()
	return d
}

func render(t testing.TB, d *Document, format string) []byte {
	t.Helper()
	b, err := Render(d, format, false)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keys(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(nil, "rootbound-review")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

// active lists what a browser would run, load or follow elsewhere.
func active(page []byte) []string {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		data := false
		for _, a := range n.Attr {
			data = data || a.Key == "type" && a.Val == "application/json"
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "style" || a.Key == "action" ||
				a.Key == "href" && !strings.HasPrefix(a.Val, "https://github.com/rootbound/rootbound/blob/main/docs/rules/") {
				out = append(out, n.Data+" "+a.Key+"="+a.Val)
			}
		}
		if n.Data == "script" && !data || n.Data == "link" || n.Data == "iframe" || n.Data == "form" || n.Data == "base" {
			out = append(out, n.Data)
		}
	}
	return out
}

// hostileReview has an attacker's text in every place that can hold it.
func hostileReview(t testing.TB) *Document {
	t.Helper()
	d := New(hostile, []string{hostile})
	d.Configuration = []File{{Name: hostile, SHA256: hostile}}
	p := d.Add("inspect", hostile)
	r := finding.NewReport("inspect", hostile, hostile, finding.Options{Record: true})
	f := bad(hostile)
	f.Reason, f.Remedy, f.Repeat = hostile, hostile, hostile
	r.Add(f)
	r.Note(finding.Place{Path: hostile}, hostile)
	r.Count(hostile, 1)
	r.Finish()
	p.Take(r, nil)
	p.Tried, p.Why, p.State = hostile, hostile, State(hostile)
	d.Add(hostile, hostile).Fail(Failed, hostile)
	d.Finish()
	last := reviewed(nil)
	last.Version = hostile
	last.Parts[0].Target = finding.Visible(hostile)
	last.Parts[0].Report.Findings = []finding.Finding{{Fingerprint: hostile, Severity: finding.Low, Evidence: hostile}}
	last.Parts[0].Open = []finding.Accepted{{Fingerprint: hostile, Rule: hostile, Place: hostile, Count: 1}}
	d.Compare(last)
	return d
}

// TestHostileReview: a name in a directory, an answer or a last report does nothing in the page that is handed on. The
// control is the same page, written without escaping.
func TestHostileReview(t *testing.T) {
	d := hostileReview(t)
	if found := active(render(t, d, "html")); len(found) > 0 {
		t.Errorf("the page holds %q", found)
	}
	key, verifier := keys(t)
	signed, err := RenderSigned(d, "html", key)
	if err != nil {
		t.Fatalf("an attacker's text takes the place of the signature: %v", err)
	}
	if _, err := Verify(signed, verifier); err != nil {
		t.Error(err)
	}
	back, err := Read(render(t, d, "html"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := back.Parts[0].Report.Findings[0].Evidence, d.Parts[0].Report.Findings[0].Evidence; got != want || !strings.Contains(got, "</script>") {
		t.Errorf("evidence reads back as %q, was %q", got, want)
	}
	for _, line := range strings.Split(d.Since.Text(), "\n") {
		if strings.ContainsAny(line, "\x1b\r") || strings.Contains(line, "\xff") || strings.Contains(line, "\u202e") {
			t.Errorf("the comparison writes %q", line)
		}
	}
	if found := active(undefended(t, d)); len(found) < 5 {
		t.Errorf("the control holds no more than %q", found)
	}
}

// undefended is the page as text/template makes it.
func undefended(t *testing.T, d *Document) []byte {
	t.Helper()
	funcs := map[string]any{"times": times, "home": func(s string) string { return s }, "time": time.Time.String}
	parsed := template.Must(finding.Pieces().New("review").Funcs(funcs).Parse(pageHTML))
	twin := texttemplate.New("twin").Funcs(funcs)
	for _, piece := range parsed.Templates() {
		texttemplate.Must(twin.AddParseTree(piece.Name(), piece.Tree))
	}
	shown, err := d.page(false)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := twin.ExecuteTemplate(&b, "review", shown); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEveryByteIsSigned: no byte of a signed report can be another. The control: without the key many such reports are taken.
func TestEveryByteIsSigned(t *testing.T) {
	key, verifier := keys(t)
	d := reviewed(nil, bad("a.txt"))
	d.Configuration = []File{{Name: "rootbound.toml", SHA256: strings.Repeat("0a", 32)}}
	for _, format := range Signed {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			file, err := RenderSigned(d, format, key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Verify(file, verifier)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d.Configuration, got.Configuration); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			believed := 0
			step := map[string]int{"json": 1, "html": 97}[format]   // a page is long, and all of it is hashed each time
			slot := bytes.Index(file, []byte(slots[format].before)) // to the end: the signature and the data
			for i := 0; i < len(file); i++ {
				if i%step != 0 && i < slot {
					continue
				}
				flip := byte(1)
				if c := file[i] | 0x20; c >= 'a' && c <= 'z' {
					flip = 0x20 // which JSON's keys and hexadecimal digits may not mind
				}
				file[i] ^= flip
				if _, err := Verify(file, verifier); err == nil {
					t.Errorf("byte %d may be %q:\n%s", i, file[i], file[max(0, i-40):min(len(file), i+40)])
				}
				if i%13 == 0 {
					if _, err := Read(file); err == nil {
						believed++
					}
				}
				file[i] ^= flip
			}
			if believed < 5 {
				t.Errorf("the control: %d changed reports are read", believed)
			}
		})
	}
}

// TestForged: what was signed differently, by others, or not at all is not taken.
func TestForged(t *testing.T) {
	key, verifier := keys(t)
	other, _ := keys(t)
	d := reviewed(nil, bad("a.txt"))
	for _, format := range Signed {
		signed, err := RenderSigned(d, format, key)
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := RenderSigned(reviewed(nil), format, other)
		if err != nil {
			t.Fatal(err)
		}
		clean, err := RenderSigned(reviewed(nil), format, key)
		if err != nil {
			t.Fatal(err)
		}
		_, signature, err := take(format, signed)
		if err != nil {
			t.Fatal(err)
		}
		unsigned, _, err := take(format, clean)
		if err != nil {
			t.Fatal(err)
		}
		slot := slots[format]
		moved, err := put(format, bytes.Clone(unsigned), slot.before+signature+slot.after)
		if err != nil {
			t.Fatal(err)
		}
		for name, file := range map[string][]byte{
			"signed by another key":           foreign,
			"not signed":                      render(t, d, format),
			"the signature of another report": moved,
			"something behind":                append(bytes.Clone(signed), '\n'),
			"something before":                append([]byte("\n"), signed...),
			"two signatures":                  bytes.Replace(signed, []byte(signature), []byte(signature+"\n"+signature), 1),
			"cut off":                         signed[:len(signed)/2],
			"empty":                           nil,
		} {
			if _, err := Verify(file, verifier); err == nil {
				t.Errorf("%s: %s is taken", format, name)
			}
		}
		if _, err := Verify(clean, verifier); err != nil {
			t.Errorf("%s: the control: %v", format, err)
		}
	}
	if _, err := RenderSigned(d, "sarif", key); err == nil {
		t.Error("a log without a place for it is signed")
	}
}

// TestFormats: each format holds what was found, what was not looked at, and what the tools cover.
func TestFormats(t *testing.T) {
	d := reviewed(nil, bad("a.txt"))
	d.Compare(reviewed(nil))
	for format, want := range map[string][]string{
		"text":  {"high link-escape", "a.txt", "connection refused", "1 new"},
		"json":  {`"rule": "link-escape"`, "connection refused", `"new"`},
		"sarif": {`"ruleId": "link-escape"`, `"executionSuccessful": false`, "connection refused", `"id": "rootbound/inspect files/"`},
		"html": {
			"What was tried", "Since the last report", "What was not looked at", "connection refused", `<strong class="new">new</strong>`,
			"<h1>Threats</h1>", "1 found", "none seen", "not looked for", "It did not run here", "docs/rules/link-escape.md",
		},
	} {
		out := string(render(t, d, format))
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s lacks %q:\n%s", format, w, out)
			}
		}
	}
	page := render(t, d, "html")
	for _, r := range finding.Rules() {
		if !bytes.Contains(page, []byte("docs/rules/"+string(r.ID)+".md")) {
			t.Errorf("the threats lack %s", r.ID)
		}
	}
	if _, err := Render(d, "xml", false); err == nil {
		t.Error("there is a format xml")
	}
	d.Parts[0].Under = "public"
	var log struct {
		Runs []struct {
			Results []struct {
				Locations []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
			}
		}
	}
	if err := json.Unmarshal(render(t, d, "sarif"), &log); err != nil {
		t.Fatal(err)
	}
	if got := log.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; got != "public/a.txt" {
		t.Errorf("the finding is at %q, seen from where the review ran", got)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"", "{}", "null", "<html>", `{"schema":2,"tool":"review"}`, `{"schema":1,"tool":"inspect"}`, `{"schema":1,"tool":"review","parts":[null]}`} {
		if _, err := Read([]byte(text)); err == nil {
			t.Errorf("%q is a review", text)
		}
	}
}
