package review

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
)

// places are a list of changes, short.
func places(changes []Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%s*%d", c.Place, c.Count))
	}
	return strings.Join(out, " ")
}

func TestCompare(t *testing.T) {
	accepts := func(d *Document) *finding.Baseline {
		b, err := d.Baseline()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	info := finding.Finding{Rule: finding.NameHidden, Place: finding.Place{Path: ".x"}}
	var many []finding.Finding
	for i := range 3 * finding.DefaultPerRule {
		many = append(many, bad(fmt.Sprintf("m%03d", i)))
	}
	for _, tt := range []struct {
		name      string
		last, now *Document
		news      string
		gone      string
		still     int64
		found     bool
	}{
		{"no last report", nil, reviewed(nil, bad("a")), "a*1", "", 0, true},
		{"the same", reviewed(nil, bad("a")), reviewed(nil, bad("a")), "", "", 1, false},
		{"one new, one gone", reviewed(nil, bad("a"), bad("b")), reviewed(nil, bad("b"), bad("c")), "c*1", "a*1", 1, true},
		{"a second of the same", reviewed(nil, bad("a")), reviewed(nil, bad("a"), bad("a")), "a*1", "", 1, true},
		{"only information", reviewed(nil), reviewed(nil, info), ".x*1", "", 0, false},
		{"accepted now", reviewed(nil, bad("a")), reviewed(accepts(reviewed(nil, bad("a"))), bad("a")), "", "", 0, false},
		{"accepted then", reviewed(accepts(reviewed(nil, bad("a"))), bad("a")), reviewed(nil, bad("a")), "", "", 1, false},
		{"beyond what is kept", reviewed(nil, many...), reviewed(nil, append(many, bad("z"))...), "z*1", "", 300, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			last := tt.last
			if last != nil {
				var err error
				if last, err = Read(render(t, last, "html")); err != nil {
					t.Fatal(err)
				}
			}
			tt.now.Compare(last)
			c := tt.now.Since
			if places(c.New) != tt.news || places(c.Gone) != tt.gone || c.Still != tt.still || tt.now.Found() != tt.found {
				t.Errorf("new %q, gone %q, %d still there, found %v; want %q, %q, %d, %v",
					places(c.New), places(c.Gone), c.Still, tt.now.Found(), tt.news, tt.gone, tt.still, tt.found)
			}
		})
	}
}

// TestNotLookedAtIsNotGone: what could not be looked at this time is known from the report before, over any number of reports.
func TestNotLookedAtIsNotGone(t *testing.T) {
	blind := func() *Document {
		d := New("rootbound 1.2.3", []string{"files"})
		d.Add("inspect", "files").Fail(Failed, "it does not exist")
		d.Finish()
		return d
	}
	last := reviewed(nil, bad("a"))
	for range 2 {
		d := blind()
		d.Compare(last)
		if d.Found() || len(d.Since.Gone) > 0 || len(d.Since.Notes) == 0 || len(d.Unfinished()) != 1 {
			t.Errorf("found %v, gone %v, notes %q, unfinished %v", d.Found(), d.Since.Gone, d.Since.Notes, d.Unfinished())
		}
		var err error
		if last, err = Read(render(t, d, "json")); err != nil {
			t.Fatal(err)
		}
	}
	d := reviewed(nil, bad("a"))
	d.Compare(last)
	if d.Found() || d.Since.Still != 1 {
		t.Errorf("afterwards: %s", d.Since.Summary())
	}
	cut := reviewed(nil)
	cut.Parts[0].Fail(Cut, "it stopped answering")
	cut.Compare(last)
	if len(cut.Since.Gone) > 0 {
		t.Errorf("gone by a look that was cut short: %v", cut.Since.Gone)
	}
}

// TestTooMany: more than can be told one by one is compared by rule, and that is said.
func TestTooMany(t *testing.T) {
	last, now := reviewed(nil, bad("a")), reviewed(nil, bad("a"), bad("b"))
	now.Parts[0].TooMany, now.Parts[0].Open = true, nil
	now.Compare(last)
	if places(now.Since.New) != "somewhere*1" || len(now.Since.Notes) == 0 {
		t.Errorf("new %q, notes %q", places(now.Since.New), now.Since.Notes)
	}
}
