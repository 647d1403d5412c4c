package finding

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

var update = flag.Bool("update", false, "write the pages of the rules into docs/rules")

const pages = "../../docs/rules"

// TestRules: rule ids and reason codes are one vocabulary, and each rule says all that a reader needs.
func TestRules(t *testing.T) {
	seen := map[ID]bool{}
	for _, r := range Rules() {
		if seen[r.ID] {
			t.Errorf("%s is declared twice: name both tools in one declaration", r.ID)
		}
		seen[r.ID] = true
		if !regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`).MatchString(string(r.ID)) {
			t.Errorf("%s: ids are lower case and hyphenated, as reason codes are", r.ID)
		}
		if r.Severity < Info || r.Severity > High || len(r.Tools) == 0 || r.Why == "" || r.Example == "" || r.Fix == "" {
			t.Errorf("%s: severity, tools, why, example or fix is missing", r.ID)
		}
		if r.Sentence == "" || strings.HasSuffix(r.Sentence, ".") || !strings.HasSuffix(r.Remedy, ".") {
			t.Errorf("%s: the sentence has no full stop, the remedy has", r.ID)
		}
		for _, code := range r.Refused {
			if reason.Lookup(code).Code != code {
				t.Errorf("%s: there is no reason code %s", r.ID, code)
			}
		}
		if code := reason.Code(r.ID); reason.Lookup(code).Code == code && !slices.Contains(r.Refused, code) {
			t.Errorf("%s is a reason code too (%s): if the rule is about the same, it is among its Refused, else it needs another id",
				r.ID, reason.Lookup(code).Text)
		}
	}
	if len(seen) < 30 {
		t.Errorf("%d rules", len(seen))
	}
}

// TestRulePages: each rule has its page, as it is written from the list, and each page its rule.
func TestRulePages(t *testing.T) {
	want := map[string]string{"README.md": indexPage()}
	for _, r := range Rules() {
		want[string(r.ID)+".md"] = page(&r)
	}
	if *update {
		if err := os.MkdirAll(pages, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(pages)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := want[e.Name()]; ok {
			continue
		}
		if !*update {
			t.Errorf("docs/rules/%s is the page of no rule", e.Name())
		} else if err := os.Remove(filepath.Join(pages, e.Name())); err != nil {
			t.Error(err)
		}
	}
	for name, text := range want {
		file := filepath.Join(pages, name)
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("docs/rules/%s is not what the rules say (go test ./internal/finding -update writes it): %v", name, err)
		}
	}
}

func page(r *Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s.\n\n", r.ID, upperFirst(r.Sentence))
	fmt.Fprintf(&b, "Severity %s. Found by `rootbound %s`.", r.Severity, strings.Join(r.Tools, "`, `rootbound "))
	if len(r.Refused) > 0 {
		b.WriteString(" The library refuses it with ")
		for i, code := range r.Refused {
			if i > 0 {
				b.WriteString(", or ")
			}
			fmt.Fprintf(&b, "`%s` (%s)", code, reason.Lookup(code).Text)
		}
		b.WriteString(".")
	}
	fmt.Fprintf(&b, "\n\n## Why it matters\n\n%s\n\n## Example\n\n```text\n%s\n```\n\n## Remedy\n\n%s\n\n```text\n%s\n```\n",
		r.Why, r.Example, r.Remedy, r.Fix)
	return b.String()
}

func indexPage() string {
	var b strings.Builder
	b.WriteString("# Rules\n\nWhat `rootbound inspect`, `rootbound probe` and `rootbound vet` look for. The pages are written from the list in\n" +
		"`internal/finding`; an id that is a reason code of the library means the same there.\n\n| rule | severity | found by | |\n|---|---|---|---|\n")
	all := Rules()
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for _, r := range all {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s |\n", r.ID, r.ID, r.Severity, strings.Join(r.Tools, ", "), r.Sentence)
	}
	return b.String()
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
