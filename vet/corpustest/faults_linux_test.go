package corpustest

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestFaultsAreFound gives the judge answers that agree with the label, and answers that do not.
func TestFaultsAreFound(t *testing.T) {
	ok := func(body string) answer { return answer{Status: http.StatusOK, Body: []byte(body)} }
	write := func(name string) func(*testing.T, tree) {
		return func(t *testing.T, tr tree) { must(t, os.WriteFile(filepath.Join(tr.root, name), []byte("x"), 0o644)) }
	}
	remove := func(t *testing.T, tr tree) { must(t, os.Remove(filepath.Join(tr.root, "secret.txt"))) }
	for _, tt := range []struct {
		name  string
		c     Case
		kind  string
		do    func(*testing.T, tree)
		a     answer
		fault bool
	}{
		{"leak", Case{Label: Vulnerable}, "exploit", nil, ok(canary), false},
		{"no leak", Case{Label: Vulnerable}, "exploit", nil, ok("nothing"), true},
		{"safe and leaks", Case{Label: Safe}, "exploit", nil, ok("x" + canary), true},
		{"guarded and leaks", Case{Label: Guarded}, "exploit", nil, ok(canary), true},
		{"safe", Case{Label: Safe}, "exploit", nil, answer{Status: http.StatusNotFound}, false},
		{"writes outside", Case{Label: Vulnerable}, "exploit", write("evil.txt"), ok(""), false},
		{"changes outside", Case{Label: Safe}, "exploit", write("secret.txt"), ok(""), true},
		{"removes outside", Case{Label: Safe}, "exploit", remove, ok(""), true},
		{"writes beneath", Case{Label: Vulnerable}, "exploit", write("files/new.txt"), ok(""), true},
		{"evidence", Case{Label: Vulnerable, Evidence: "console"}, "exploit", nil, ok("a console"), false},
		{"no evidence", Case{Label: Vulnerable, Evidence: "console"}, "exploit", nil, ok(""), true},
		{"link followed", Case{Label: Guarded, Class: "link"}, "link", nil, ok(canary), false},
		{"link not followed", Case{Label: Guarded, Class: "link"}, "link", nil, ok(inside), true},
		{"safe and link followed", Case{Label: Safe}, "link", nil, ok(canary), true},
		{"sendfile", Case{Label: Vulnerable}, "exploit", nil, answer{Header: [][2]string{{"X-Sendfile", "{ROOT}/secret.txt"}}}, false},
		{"accel", Case{Label: Vulnerable}, "exploit", nil, answer{Header: [][2]string{{"x-accel-redirect", "/backups/secret.txt"}}}, false},
		{"accel with dots", Case{Label: Vulnerable}, "exploit", nil, answer{Header: [][2]string{{"x-accel-redirect", "/protected/../secret.txt"}}}, true},
		{"overtaken", Case{Label: Guarded, Class: "race"}, "race", nil, ok(canary), false},
		{"not overtaken", Case{Label: Guarded, Class: "race"}, "race", nil, ok(inside), true},
		{"served", Case{Label: Safe}, "benign", nil, ok(inside), false},
		{"stored", Case{Label: Safe}, "benign", write("files/new.txt"), ok(""), false},
		{"not served", Case{Label: Safe}, "benign", nil, ok("elsewhere"), true},
		{"refused", Case{Label: Safe}, "benign", nil, answer{Status: http.StatusNotFound, Body: []byte(inside)}, true},
		{"broken", Case{Label: Safe}, "exploit", nil, answer{Error: "no such module"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := plant(t, t.TempDir())
			if tt.do != nil {
				tt.do(t, tr)
			}
			for i, h := range tt.a.Header {
				tt.a.Header[i][1] = (&Request{Target: h[1]}).encode(t, tr.root).Target
			}
			faults := job{c: tt.c, kind: tt.kind, tree: tr, Base: tr.base()}.faults(t, tt.a)
			if found := len(faults) > 0; found != tt.fault {
				t.Errorf("faults %q, want some: %v", faults, tt.fault)
			}
		})
	}
}
