package finding

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hostile is text that an attacker chose.
const hostile = "<script>alert(1)</script>\x1b[2J\r\nSet-Cookie: x\u202egpj\xff\"'&{{.}}"

func sample(o Options) *Report {
	r := NewReport("inspect", "1.2.3", "/srv/files", o)
	r.Add(Finding{Rule: HardLink, Place: Place{Path: "b.txt"}})
	r.Add(Finding{Rule: LinkEscape, Place: Place{Path: "a\xff/" + hostile}, Evidence: hostile, Reason: hostile, Remedy: hostile, Repeat: hostile, Extra: map[string]string{"x": hostile}})
	r.Add(Finding{Rule: Credential, Place: Place{Path: "c.py", Line: 3, Column: 5}, Evidence: "first\nsecond"})
	r.Add(Finding{Rule: NameHidden, Place: Place{URL: "http://127.0.0.1/" + hostile}})
	r.Note(Place{Path: hostile}, hostile)
	r.Count("files", 7)
	r.Finish()
	return r
}

func TestOrderAndCounts(t *testing.T) {
	r := sample(Options{})
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Severity.String()+" "+string(f.Rule))
	}
	want := []string{"high credential", "high link-escape", "medium hard-link", "info name-hidden"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"high": 2, "medium": 1, "info": 1}, r.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if !r.Found() {
		t.Error("Found() = false")
	}
	quiet := NewReport("inspect", "1", ".", Options{})
	quiet.Add(Finding{Rule: NameHidden, Place: Place{Path: ".x"}})
	if quiet.Found() {
		t.Error("Found() = true of what is only information")
	}
}

// TestHostileText: what an attacker chose is only text, in each format.
func TestHostileText(t *testing.T) {
	r := sample(Options{})
	for _, format := range Formats {
		t.Run(format, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, r, format, false); err != nil {
				t.Fatal(err)
			}
			out := b.String()
			for _, bad := range []string{"\x1b", "\r", "\u202e", "\xff", "\nSet-Cookie"} {
				if format == "html" && bad[0] == '\n' {
					continue // evidence has lines there, and they are nothing but text
				}
				if strings.Contains(out, bad) {
					t.Errorf("the output holds %q:\n%s", bad, out)
				}
			}
			if format == "html" && strings.Contains(out, "<script") {
				t.Errorf("the page holds a script:\n%s", out)
			}
			if !strings.Contains(out, "alert(1)") {
				t.Errorf("the control failed: the evidence is not in the output:\n%s", out)
			}
		})
	}
}

func TestColourOnlyWhereAsked(t *testing.T) {
	var plain, coloured bytes.Buffer
	r := sample(Options{})
	if err := Write(&plain, r, "text", false); err != nil {
		t.Fatal(err)
	}
	if err := Write(&coloured, r, "text", true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(coloured.String(), "\x1b[1;31mhigh") {
		t.Errorf("no colour:\n%q", coloured.String())
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Errorf("colour that nobody asked for:\n%q", plain.String())
	}
}

func TestJSONReadsBack(t *testing.T) {
	r := sample(Options{})
	var b bytes.Buffer
	if err := Write(&b, r, "json", false); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Findings, back.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got := string(back.Findings[1].Place.Bytes); got != "a\xff/"+hostile {
		t.Errorf("bytes of the name = %q", got)
	}
}

func TestBounds(t *testing.T) {
	r := NewReport("inspect", "1", ".", Options{PerRule: 10})
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Go(func() {
			for i := range 250 {
				r.Add(Finding{Rule: HardLink, Place: Place{Path: fmt.Sprintf("%03d-%d", i, w)}})
				r.Note(Place{}, "x")
			}
		})
	}
	wait.Wait()
	r.Finish()
	if len(r.Findings) != 10 || r.More[HardLink] != 990 || r.Counts["medium"] != 1000 {
		t.Errorf("%d kept, %d more, %v", len(r.Findings), r.More[HardLink], r.Counts)
	}
	if got := r.Findings[9].Place.Path; got != "002-1" {
		t.Errorf("the last that is kept is %q: it depends on who came first", got)
	}
	if len(r.Notes) != maxNotes || r.Unnoted != 1000-maxNotes {
		t.Errorf("%d notes, %d beyond", len(r.Notes), r.Unnoted)
	}
	long := NewReport("inspect", "1", ".", Options{})
	long.Add(Finding{Rule: HardLink, Evidence: strings.Repeat("x", 1<<20)})
	long.Finish()
	if n := len(long.Findings[0].Evidence); n > maxText+10 {
		t.Errorf("evidence of %d bytes", n)
	}
}

func TestBaseline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accepted.json")
	first := NewReport("inspect", "1", ".", Options{Record: true})
	add := func(r *Report, evidence string, line int) {
		r.Add(Finding{Rule: Credential, Place: Place{Path: "a", Line: line}, Evidence: evidence})
	}
	add(first, "one", 1)
	add(first, "two", 2)
	add(first, "two", 9)
	b, err := first.NewBaseline()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.WriteFile(file); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	accepted, err := ReadBaseline(f, "inspect")
	if err != nil {
		t.Fatal(err)
	}

	again := NewReport("inspect", "1", ".", Options{Baseline: accepted, Record: true})
	add(again, "one", 40) // moved
	add(again, "two", 2)
	add(again, "two", 9)
	again.Finish()
	if again.Found() || again.Accepted != 3 {
		t.Errorf("the same findings: found %v, accepted %d", again.Found(), again.Accepted)
	}
	changed := NewReport("inspect", "1", ".", Options{Baseline: accepted})
	add(changed, "one more", 1)
	add(changed, "two", 2)
	add(changed, "two", 9)
	add(changed, "two", 10)
	changed.Finish()
	if len(changed.Findings) != 2 || changed.Accepted != 2 {
		t.Errorf("a changed and a repeated finding: %d came back, %d accepted", len(changed.Findings), changed.Accepted)
	}
	b2, err := again.NewBaseline()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.counts(), b2.counts()); diff != "" {
		t.Errorf("a new baseline forgets what the old one accepted (-want +got):\n%s", diff)
	}
}

func TestReadBaselineRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", `{"schema":2,"tool":"inspect"}`, `{"schema":1,"tool":"vet"}`, "\x00"} {
		if _, err := ReadBaseline(strings.NewReader(text), "inspect"); err == nil {
			t.Errorf("ReadBaseline accepted %q", text)
		}
	}
}

func TestIdentityStandsForEvidence(t *testing.T) {
	a := Finding{Rule: HardLink, Evidence: "canary 123", Identity: "canary"}
	b := Finding{Rule: HardLink, Evidence: "canary 456", Identity: "canary"}
	if a.fingerprint() != b.fingerprint() {
		t.Error("the fingerprint depends on evidence that differs with each run")
	}
	c := Finding{Rule: HardLink, Evidence: "canary 123"}
	if a.fingerprint() == c.fingerprint() {
		t.Error("the control failed: evidence has no part in the fingerprint")
	}
}
