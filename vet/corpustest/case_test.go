package corpustest

import (
	"path/filepath"
	"testing"
)

// corpus is where the cases are, seen from this package.
var corpus = filepath.Join("..", "testdata", "corpus")

// TestBalance holds the blind half to its size, and to as many cases with a fault as without.
func TestBalance(t *testing.T) {
	cases, err := Load(corpus)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, c := range cases {
		if c.Half != "blind" {
			continue
		}
		count["all"]++
		count[c.Label]++
		count[c.Lang+" "+c.Label]++
		if c.Benign == nil {
			t.Errorf("%s/%s has no benign request", c.Lang, c.Name)
		}
		if c.Label == Guarded && (c.Class == "link" || c.Class == "newline") && c.Link == nil {
			t.Errorf("%s/%s has no request for a link", c.Lang, c.Name)
		}
	}
	t.Log(count)
	if count["all"] < 80 {
		t.Errorf("%d cases, want at least 80", count["all"])
	}
	if share := float64(count[Vulnerable]) / float64(count["all"]); share < 0.4 || share > 0.6 {
		t.Errorf("%.0f %% of the cases are vulnerable, want about half", share*100)
	}
	for _, lang := range []string{"python", "go", "nginx", "apache"} {
		for _, label := range []string{Vulnerable, Guarded, Safe} {
			if count[lang+" "+label] == 0 {
				t.Errorf("no %s case is %s", lang, label)
			}
		}
	}
}
