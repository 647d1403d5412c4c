package finding

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBaselineOfParts: what is accepted in one part of a review is not accepted in another, and no more of it than there was.
func TestBaselineOfParts(t *testing.T) {
	b := &Baseline{Schema: 1, Tool: "review", Accepted: []Accepted{
		{Fingerprint: "f", Count: 1, Part: "inspect a"}, {Fingerprint: "g", Count: 1, Part: "inspect b"},
	}}
	all := &Baseline{Accepted: []Accepted{{Fingerprint: "f", Count: 3}, {Fingerprint: "g", Count: 1}}}
	open, taken := all.Split(b.Part("inspect a"))
	if diff := cmp.Diff([]Accepted{{Fingerprint: "f", Count: 2}, {Fingerprint: "g", Count: 1}}, open); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Accepted{{Fingerprint: "f", Count: 1}}, taken); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	var none *Baseline
	if open, taken := all.Split(none.Part("inspect a")); len(open) != 2 || taken != nil {
		t.Errorf("without a baseline %v is open, %v taken", open, taken)
	}
}
