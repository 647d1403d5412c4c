package finding

import (
	"slices"

	"github.com/rootbound/rootbound/internal/reason"
)

// Rule is one thing that is looked for. The rules of all tools are one list: each tool's are in a file of this package, and
// a rule that several tools know is declared once.
type Rule struct {
	ID ID
	// Tools are the commands that report it: "inspect", "probe", "vet".
	Tools    []string
	Severity Severity
	// Sentence says what was found, for findings that say nothing of their own.
	Sentence string
	// Remedy is one sentence.
	Remedy string
	// Refused are the reason codes under which the library refuses what the rule finds. A rule whose id is a reason code
	// is about the same thing, and has that code here.
	Refused []reason.Code
	// Why is the paragraph of the rule's page that says what an attacker does with it.
	Why string
	// Example is what the rule finds: a listing, a request, lines of source.
	Example string
	// Fix is code or commands that put it right, with rootbound or Flask.
	Fix string
}

// Page is the rule's page in the documentation, relative to the repository.
func (r *Rule) Page() string { return "docs/rules/" + string(r.ID) + ".md" }

var (
	rules = slices.Concat(inspectRules, probeRules, vetRules)
	byID  = func() map[ID]*Rule {
		m := make(map[ID]*Rule, len(rules))
		for i := range rules {
			m[rules[i].ID] = &rules[i]
		}
		return m
	}()
)

// Rules returns all rules. The caller owns the slice.
func Rules() []Rule { return slices.Clone(rules) }

// Lookup returns the rule with that id.
func Lookup(id ID) (Rule, bool) {
	if r := byID[id]; r != nil {
		return *r, true
	}
	return Rule{}, false
}
