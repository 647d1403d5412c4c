package request

import "testing"

// Limits only take away, and compare names by their elements. Control: without limits everything is left.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		l     *Limits
		right Right
		path  string
		want  bool
	}{
		{nil, Delete, "x", true},
		{&Limits{}, Delete, "x", true},
		{&Limits{Rights: []Right{Read}}, Read, "x", true},
		{&Limits{Rights: []Right{Read}}, List, "x", false},
		{&Limits{Rights: []Right{Read, List}}, Share, "x", false},
		{&Limits{On: []string{"/"}}, Read, "a/b", true},
		{&Limits{On: []string{"/"}}, Read, "", true},
		{&Limits{On: []string{"reports/"}}, Read, "", false},
		{&Limits{On: []string{"reports/"}}, List, "reports", true},
		{&Limits{On: []string{"reports/"}}, Read, "reports/2026/a.txt", true},
		{&Limits{On: []string{"/reports/"}}, Read, "reports/a.txt", true},
		{&Limits{On: []string{"reports/"}}, Read, "reports2/a.txt", false},
		{&Limits{On: []string{"reports/"}}, Read, "report", false},
		{&Limits{On: []string{"reports/"}}, Read, "Reports/a.txt", false},
		{&Limits{On: []string{"a.txt", "b/"}}, Read, "a.txt", true},
		{&Limits{On: []string{"a.txt", "b/"}}, Read, "a.txt.gz", false},
		{&Limits{On: []string{"a.txt", "b/"}}, Read, "c/a.txt", false},
		{&Limits{Rights: []Right{Read}, On: []string{"b/"}}, List, "b", false},
	} {
		if got := tt.l.Allow(tt.right, tt.path); got != tt.want {
			t.Errorf("%+v: %s %q = %v", tt.l, tt.right, tt.path, got)
		}
	}
}
