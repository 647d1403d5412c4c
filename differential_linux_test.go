package rootbound

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// differences are where a Dir with SymlinksWithin answers other than os.Root does for the same name, each with its
// reason. A row that the generated names no longer meet fails the test.
var differences = []struct {
	why   string
	holds func(d *Dir, name string, ours Reason, root string) bool
}{
	{"os.Root resolves the dots that a name must not have", func(_ *Dir, name string, ours Reason, _ string) bool {
		return ours == reason.NameTraversal || ours == reason.NameDot || ours == reason.NameEmptyElement || ours == reason.NameAbsolute || ours == reason.NameEmpty
	}},
	{"os.Root serves hidden names", func(_ *Dir, _ string, ours Reason, root string) bool {
		return (ours == reason.NameHidden || ours == reason.OpenedName) && root != "refused"
	}},
	{"os.Root refuses an absolute link to a file inside", func(_ *Dir, _ string, ours Reason, root string) bool {
		return ours == served && root == "refused"
	}},
	{"os.Root gives a directory where a file was asked for", func(_ *Dir, _ string, ours Reason, root string) bool {
		return ours == reason.Directory && root == "directory"
	}},
	{"os.Root opens a FIFO", func(_ *Dir, _ string, ours Reason, root string) bool {
		return ours == reason.SpecialFile && root == "special"
	}},
}

// TestDifferential asks for thousands of generated names in a generated tree, here and of os.Root. What one refuses and
// the other serves must be a difference of the list, and no body may differ.
func TestDifferential(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	entries := generatedTree(rng)
	base := world(t, entries...)
	root, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	names := generatedNames(rng, 4000)
	for _, e := range entries { // every entry, and what a link to a directory leads to
		name, _, _ := strings.Cut(strings.TrimSuffix(e, " |"), "=")
		name = strings.TrimSpace(name)
		names = append(names, name, name+"/f", name+"/a/f")
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		met := make([]int, len(differences))
		agreed, servedBoth := 0, 0
		keepsDescriptors(t, func() {
			for _, name := range names {
				got, ours := answer(d, name)
				theirs := rootAnswer(root, name)
				switch {
				case strings.Contains(got+theirs, canary):
					t.Errorf("%q leaks: here %q, os.Root %q", name, got, theirs)
				case ours == served && theirs == got:
					agreed, servedBoth = agreed+1, servedBoth+1
				case ours != served && theirs == "refused":
					agreed++
				default:
					i := differenceOf(d, name, ours, theirs)
					if i < 0 {
						t.Errorf("%q: here %q %q, os.Root %q: no listed difference", name, got, ours, theirs)
						continue
					}
					met[i]++
				}
			}
		})
		for i, n := range met {
			if n == 0 {
				t.Errorf("stale row: %s", differences[i].why)
			}
		}
		if servedBoth < 100 || agreed < len(names)/4 {
			t.Errorf("%d names agreed, %d of them served: the generator proves too little", agreed, servedBoth)
		}
		t.Logf("%d names, %d agreed, %d served by both, differences %v", len(names), agreed, servedBoth, met)
	})
}

func differenceOf(d *Dir, name string, ours Reason, root string) int {
	for i, diff := range differences {
		if diff.holds(d, name, ours, root) {
			return i
		}
	}
	return -1
}

// rootAnswer is what a careful user of os.Root sees.
func rootAnswer(root *os.Root, name string) string {
	f, err := root.OpenFile(name, rootFlags, 0)
	if err != nil {
		return "refused"
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return "refused"
	case fi.IsDir():
		return "directory"
	case !fi.Mode().IsRegular():
		return "special"
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

var generatedElements = []string{"a", "b", "c", ".h", "l0", "l1", "l2", "l3", "f", "p"}

// generatedTree makes directories three deep that each hold a file, a FIFO and links of all kinds.
func generatedTree(rng *rand.Rand) []string {
	dirs := []string{""}
	for range 2 {
		for _, dir := range dirs {
			for _, sub := range []string{"a", "b", "c", ".h"} {
				dirs = append(dirs, path.Join(dir, sub))
			}
		}
	}
	targets := []string{
		"a/f", "b", "../f", "../a/f", "../../b/f", "./f", "../../../outside/canary.txt", "../../../../outside", "../outside/canary.txt", "BASE/a/f", "BASE/b", "BASE", "OUT/canary.txt", "OUT",
		"l0", "l1", "l2", "../l0", "a/../f", "a/../../f", "/", "..", ".", "f/", "nowhere", ".h/f", "BASE/.h/f", "BASE_evil/canary.txt", "p",
	}
	seen := map[string]bool{}
	var out []string
	for _, dir := range dirs {
		if seen[dir] {
			continue
		}
		seen[dir] = true
		out = append(out, path.Join(dir, "f")+"="+inside, path.Join(dir, "p")+" |")
		for i := range 4 {
			out = append(out, fmt.Sprintf("%s => %s", path.Join(dir, fmt.Sprintf("l%d", i)), targets[rng.IntN(len(targets))]))
		}
	}
	return out
}

func generatedNames(rng *rand.Rand, n int) []string {
	names := []string{"", "/", "..", ".", "../outside/canary.txt", "a/../f", "a//f", "/etc/passwd", "a/./f"}
	for len(names) < n {
		elems := make([]string, 1+rng.IntN(4))
		for i := range elems {
			elems[i] = generatedElements[rng.IntN(len(generatedElements))]
		}
		if rng.IntN(20) == 0 {
			elems[rng.IntN(len(elems))] = ".."
		}
		names = append(names, strings.Join(elems, "/"))
	}
	return names
}
