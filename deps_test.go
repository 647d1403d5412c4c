package rootbound_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/deptest"
)

// edges is the whole of who imports whom outside of tests: our packages, and
// the modules of others. It is a statement of policy. A new row needs a reason
// that will still be true in a year.
const edges = `
.  ->  -    # the library is the standard library, golang.org/x/sys and golang.org/x/text

internal/testenv    ->  golang.org/x/sys  # a network of its own is made with unshare(2)
internal/tree       ->  golang.org/x/sys  # devices and sockets are made with mknod(2)
internal/deptest    ->  -                 # the judge depends on nothing it judges
internal/noopenat2  ->  golang.org/x/sys  # the filter is set with seccomp(2)
internal/docrun     ->  github.com/yuin/goldmark  # code blocks are found as a reader's renderer finds them
internal/docrun     ->  internal/testenv  # blocks run like any other process of a test
internal/docrun     ->  internal/tree     # the sample files

tools/sbom  ->  -  # reads binaries with debug/buildinfo
`

// joins are the only packages below the root that may import others there.
var joins = []string{"server", "cmd/rootbound"}

// harness lists what only tests may import, and nothing that ships links.
var harness = []string{
	"internal/testenv",
	"internal/tree",
	"internal/deptest",
	"internal/noopenat2",
	"internal/docrun",
}

// rootModules are the other modules that an importer of the library gets.
var rootModules = []string{"golang.org/x/sys", "golang.org/x/text"}

func TestImports(t *testing.T) {
	packages, table := deptest.Packages(t), deptest.Edges(t, edges)
	for _, wrong := range deptest.Imports(packages, table) {
		t.Error(wrong)
	}
	for _, wrong := range deptest.Layers(packages, table, joins, harness) {
		t.Error(wrong)
	}
	for _, p := range packages {
		if p.Shipped && slices.Contains(p.Std, "testing") {
			t.Errorf("%s ships and imports testing", p.Path)
		}
	}
}

func TestModulesOfTheLibrary(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for _, module := range strings.Fields(string(out)) {
			if module != "github.com/rootbound/rootbound" && !slices.Contains(rootModules, module) {
				t.Errorf("on %s the library links %s", system, module)
			}
		}
	}
}

// writers put a name in place for good. What must survive a crash goes through
// one of two places, which sync file and directory.
var writers = []string{
	"os.Rename", "os.WriteFile", "syscall.Rename",
	"golang.org/x/sys/unix.Rename", "golang.org/x/sys/unix.Renameat", "golang.org/x/sys/unix.Renameat2",
}

// mayWrite are those places.
const mayWrite = `
`

func TestDurableWrites(t *testing.T) {
	for _, wrong := range deptest.Check(deptest.Uses(t, deptest.Packages(t), writers), deptest.Permits(t, mayWrite)) {
		t.Error(wrong)
	}
}

// openers open or look at a file by its path. Served files have one way to be
// opened, which the kernel confines; each other use is a row with its reason.
var openers = []string{
	"os.Open", "os.OpenFile", "os.Create", "os.ReadFile", "os.ReadDir", "os.DirFS", "os.CopyFS",
	"os.OpenRoot", "os.OpenInRoot", "os.Stat", "os.Lstat", "os.Readlink",
	"io/ioutil.ReadFile", "io/ioutil.ReadDir", "path/filepath.Walk", "path/filepath.WalkDir",
	"path/filepath.Glob", "path/filepath.EvalSymlinks",
	"net/http.ServeFile", "net/http.ServeFileFS", "net/http.Dir", "net/http.FS",
	"crypto/tls.LoadX509KeyPair", "html/template.ParseFiles", "text/template.ParseFiles",
	"syscall.Open", "syscall.Openat", "syscall.Stat", "syscall.Lstat",
	"golang.org/x/sys/unix.Open", "golang.org/x/sys/unix.Openat", "golang.org/x/sys/unix.Openat2",
	"golang.org/x/sys/unix.Stat", "golang.org/x/sys/unix.Lstat", "golang.org/x/sys/unix.Fstatat",
	"golang.org/x/sys/unix.Readlinkat",
}

// mayOpen are the files that open by a path, and what they open.
const mayOpen = `
`

func TestNoSecondOpener(t *testing.T) {
	for _, wrong := range deptest.Check(deptest.Uses(t, deptest.Packages(t), openers), deptest.Permits(t, mayOpen)) {
		t.Error(wrong)
	}
}
