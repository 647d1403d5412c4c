package rootbound_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/deptest"
	"github.com/rootbound/rootbound/internal/testenv"
)

// edges is the whole of who imports whom outside of tests: our packages, and
// the modules of others. It is a statement of policy. A new row needs a reason
// that will still be true in a year.
const edges = `
. -> internal/durable # uploads sync their directory by the one durable write
. -> internal/name # the NAME stage
. -> internal/plan # what HTTP answers
. -> internal/reason # the one list of reasons
. -> internal/request # the facts of a request
. -> golang.org/x/sys # openat2(2) and its kin
. -> golang.org/x/text # SecureFilename decomposes as Werkzeug does

internal/reason -> - # the bottom: every refusal names a reason
internal/name -> internal/reason # a refused name has a reason
internal/plan -> internal/reason # a refused precondition has a reason
internal/plan -> golang.org/x/text # the ASCII substitute of a download name
internal/request -> internal/name # facts hold the checked name
internal/request -> internal/plan # facts hold validators and ranges
internal/request -> internal/reason # decisions and outcomes hold a reason
internal/durable -> - # one write, of the standard library
internal/config -> . # the names of policies are the library's
internal/config -> internal/name # patterns are read once, with the position of the fault
internal/config -> github.com/pelletier/go-toml/v2 # the configuration's syntax
internal/lane -> golang.org/x/sys # epoll(7)
internal/hotcache -> . # keeps what was opened, and opens
internal/hotcache -> internal/reason # which refusals may be remembered
internal/listing -> . # a page of Entries
internal/listing -> internal/name # hrefs are escaped as names are
internal/listing -> internal/plan # JSON or HTML, by the weights of Accept
internal/listing -> internal/reason # a directory that cannot be read has a reason

server -> . # opens and sends
server -> internal/hotcache # small files that are asked for often
server -> internal/lane # the event loops of the fast lane
server -> internal/listing # directories
server -> internal/name # mounts and patterns
server -> internal/plan # methods, redirects
server -> internal/reason # refusals
server -> internal/request # the facts that stages decide on
server -> github.com/prometheus/client_golang # metrics
server -> golang.org/x/sys # how much of an answer the client has taken (SIOCOUTQ)

gate -> . # opens what an application names, and sends it
gate -> internal/name # paths of applications are judged by the fixed rules
gate -> internal/plan # headers of a file's answer
gate -> internal/reason # refusals
gate -> internal/request # the facts of a request
gate -> golang.org/x/text # every spelling of a route is compared in one

cmd/rootbound -> . # opens the base directories
cmd/rootbound -> internal/config # flags and file are one schema
cmd/rootbound -> gate # in front of applications
cmd/rootbound -> server # the main job
cmd/rootbound -> github.com/alecthomas/kong # the command line
cmd/rootbound -> github.com/coreos/go-systemd/v22 # sockets from systemd, readiness

internal/attack -> golang.org/x/text # best-fit forms
internal/attack/plant -> internal/attack # the corpus's tree, for tests
internal/attack/report -> internal/attack # prints the corpus
internal/attack/report -> internal/undefended # and what leaks on which twin
internal/undefended -> golang.org/x/text # a twin that normalises after its check
internal/crashtest -> internal/testenv # strace is a peer like the others
internal/crashwrite -> . # the program that is killed
internal/crashwrite -> internal/durable # or this one
internal/crashwrite -> golang.org/x/sys # it refuses itself system calls

internal/testenv    ->  golang.org/x/sys  # a network of its own is made with unshare(2)
internal/tree       ->  golang.org/x/sys  # devices and sockets are made with mknod(2)
internal/deptest    ->  -                 # the judge depends on nothing it judges
internal/noopenat2  ->  golang.org/x/sys  # the filter is set with seccomp(2)
internal/docrun     ->  github.com/yuin/goldmark  # code blocks are found as a reader's renderer finds them
internal/docrun     ->  internal/testenv  # blocks run like any other process of a test
internal/docrun     ->  internal/tree     # the sample files

bench -> internal/testenv # finds nginx and the load's tools as tests do, and builds what ships
bench -> golang.org/x/sys # CPU clocks, pinning, and a load on epoll(7)
bench/peers/fileserver -> - # the standard library is what it measures

tools/sbom  ->  -  # reads binaries with debug/buildinfo
tools/testlog -> - # reads what go test says
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
	"internal/attack/plant",
	"internal/crashtest",
	"internal/crashwrite",
	"bench",
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
updir_linux.go: golang.org/x/sys/unix.Renameat2, golang.org/x/sys/unix.Renameat # an upload gets its name, beneath a held directory, after fsync
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
containment.go: os.OpenFile # plants the self-test in its own temporary directory
dir.go: path/filepath.EvalSymlinks, os.Stat # the base's own path, as its operator named it
entries_linux.go: golang.org/x/sys/unix.Fstatat # one element of a held directory, following nothing
fold_linux.go: os.Stat # asks /sys whether the kernel folds names at all
open_linux.go: golang.org/x/sys/unix.Open, os.OpenRoot, golang.org/x/sys/unix.Openat, golang.org/x/sys/unix.Openat2, golang.org/x/sys/unix.Readlinkat # the base directory, and the one confined open
open_other.go: os.OpenRoot # the base directory
open_root.go: os.OpenRoot # takes os.Root's escape error once
updir_linux.go: golang.org/x/sys/unix.Openat # one element of a held directory, for an upload
cmd/rootbound/bases.go: os.Stat, path/filepath.EvalSymlinks # the operator's directories and the parents of secrets
cmd/rootbound/certs.go: os.Open # says early that a key cannot be read
cmd/rootbound/setup.go: os.Open # the configuration
internal/durable/durable.go: os.OpenRoot # the directory that is written to
server/tls.go: crypto/tls.LoadX509KeyPair, os.Stat # the operator's certificate, and whether it is new
server/unix.go: os.Lstat # a socket left behind by a dead server
`

func TestNoSecondOpener(t *testing.T) {
	for _, wrong := range deptest.Check(deptest.Uses(t, deptest.Packages(t), openers), deptest.Permits(t, mayOpen)) {
		t.Error(wrong)
	}
}

// TestDependenciesAreDocumented holds docs/dependencies.md to what is really used: every module that go.mod asks for
// itself, every tool and every peer.
func TestDependenciesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}", "all").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	modules := strings.Fields(string(out))
	if len(modules) < 8 {
		t.Errorf("go list names %d modules: it was asked wrongly", len(modules))
	}
	peers, err := testenv.Peers()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		modules = append(modules, p.Package)
	}
	for _, m := range modules {
		if !strings.Contains(string(doc), "`"+m+"`") {
			t.Errorf("docs/dependencies.md has no line for %s", m)
		}
	}
}
