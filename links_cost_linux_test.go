package rootbound

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// walkLine is what strace prints of a system call that walks to or through what linksAt makes.
var walkLine = regexp.MustCompile(`(?m)\b(?:openat2?|newfstatat|readlinkat)\([^"\n]*"(?:deep|abs|plain)`)

// TestLinkCost: to find and rewrite an absolute link takes few walks, however deep it lies. With openat2 a walk is one
// system call; os.Root makes one for each element. Four times as deep must not be sixteen times as many.
func TestLinkCost(t *testing.T) {
	openBaseDir(t, t.TempDir(), Config{}) // finds out whether there is openat2, which names the subtests in the child too
	both(t, func(t *testing.T, noOpenat2 bool) {
		count := func(depth int) int {
			if os.Getenv(childVariable) == "" { // the parent makes the tree, which is not to be counted
				t.Setenv("ROOTBOUND_TEST_BASE", world(t, linksAt(depth)...))
			}
			part := strconv.Itoa(depth)
			trace := filepath.Join(t.TempDir(), "trace")
			if inOwnProcess(t, part, testenv.Need(t, "strace"), "-f", "-qq", "-e", "trace=openat,openat2,newfstatat,readlinkat", "-o", trace) {
				openDeepLink(t, depth, noOpenat2)
			}
			if os.Getenv(childVariable) != "" {
				return 0
			}
			text, err := os.ReadFile(trace)
			if err != nil {
				t.Fatal(err)
			}
			return len(walkLine.FindAll(text, -1))
		}
		shallow, deep := count(16), count(64)
		if os.Getenv(childVariable) != "" {
			return
		}
		t.Logf("%d walks at depth 16, %d at depth 64", shallow, deep)
		bound := 8 * shallow
		if useOpenat2(noOpenat2) {
			bound = 2 * shallow
		}
		if shallow < maxRewrites || deep > bound {
			t.Errorf("%d calls at depth 16, %d at depth 64, want at most %d", shallow, deep, bound)
		}
	})
}

func openDeepLink(t *testing.T, depth int, noOpenat2 bool) {
	t.Helper()
	d := openBaseDir(t, os.Getenv("ROOTBOUND_TEST_BASE"), Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
	if got, why := answer(d, deepDir(depth)+"abs8"); got != inside {
		t.Errorf("%q, %q", got, why)
	}
}
