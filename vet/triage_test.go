package vet

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

var (
	triageRow   = regexp.MustCompile(`(?m)^\| (\S+) \| (high|medium|low|info) \| \S+ \| ` + "`[^`]+`" + ` \| (right|\*\*wrong\*\*)`)
	triageLines = regexp.MustCompile(`([\d,]+) lines of Python`)
)

// TestTriage: the sums of docs/vet-triage.md are those of its rows, and tools/triage.sh, which makes the rows, reviews every
// package that they name. The real code is not reviewed here: it takes minutes, and other people's servers.
func TestTriage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testenv.Repo(t), "docs", "vet-triage.md"))
	must(t, err)
	script, err := os.ReadFile(filepath.Join(testenv.Repo(t), "tools", "triage.sh"))
	must(t, err)
	all, wrong := map[bool]int{}, map[bool]int{} // of findings, and of information too
	for _, m := range triageRow.FindAllStringSubmatch(string(page), -1) {
		for _, too := range []bool{false, true} {
			if too || m[2] != "info" {
				all[too]++
				wrong[too] += strings.Count(m[3], "wrong")
			}
		}
		if !strings.Contains(string(script), m[1]+"=") && !strings.Contains(string(script), m[1]+"@") {
			t.Errorf("tools/triage.sh does not review %s", m[1])
		}
	}
	lines, err := strconv.Atoi(strings.ReplaceAll(string(triageLines.FindSubmatch(page)[1]), ",", ""))
	must(t, err)
	for _, too := range []bool{false, true} {
		each := lines / wrong[too]
		want := fmt.Sprintf("| %s | %d | %d | %d,%03d |\n", map[bool]string{false: "above information", true: "with information"}[too], all[too], wrong[too], each/1000, each%1000)
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/vet-triage.md lacks the sum of its rows\n%s", want)
		}
		if each < 10_000 {
			t.Errorf("one wrong finding in %d lines, want at most one in 10,000", each)
		}
	}
}
