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

internal/state -> - # plain records
internal/reason -> - # the bottom: every refusal names a reason
internal/name -> internal/reason # a refused name has a reason
internal/plan -> internal/reason # a refused precondition has a reason
internal/plan -> golang.org/x/text # the ASCII substitute of a download name
internal/request -> internal/name # facts hold the checked name
internal/request -> internal/plan # facts hold validators and ranges
internal/request -> internal/reason # decisions and outcomes hold a reason
internal/durable -> golang.org/x/sys # locks on Windows
internal/config -> . # the names of policies are the library's
internal/config -> internal/name # patterns are read once, with the position of the fault
internal/config -> github.com/pelletier/go-toml/v2 # the configuration's syntax
internal/finding -> internal/durable # a list of accepted findings is whole or not there
internal/finding -> internal/reason # rules and reasons are one vocabulary
internal/readfile -> - # the bottom: files of the operator
internal/review -> internal/finding # what it joins
internal/review -> golang.org/x/mod # signed notes
internal/lane -> golang.org/x/sys # epoll(7)
internal/hotcache -> . # keeps what was opened, and opens
internal/hotcache -> internal/reason # which refusals may be remembered
internal/listing -> . # a page of Entries
internal/listing -> internal/name # hrefs are escaped as names are
internal/listing -> internal/plan # JSON or HTML, by the weights of Accept
internal/listing -> internal/reason # a directory that cannot be read has a reason

authn -> internal/reason # a credential that does not hold is a refusal
authn -> internal/request # facts of a request, and who asks
authn -> internal/readfile # users and keys of issuers
authn -> internal/state # sessions and tokens, as stores keep them
authn -> github.com/alexedwards/argon2id # passwords
authn -> golang.org/x/crypto # bcrypt
authn -> github.com/coreos/go-oidc/v3 # issuers say where everything is
authn -> golang.org/x/oauth2 # codes of OpenID providers
authn -> github.com/go-jose/go-jose/v4 # tokens that others signed
authn -> golang.org/x/text # all spellings of a name are guessed at together
authz -> internal/name # what a grant is on can be the name of something
authz -> internal/reason # what is not granted has a reason
authz -> internal/request # who asks, and for what right
authz -> github.com/cedar-policy/cedar-go # policies
link -> internal/name # what a link is to can be the name of something
link -> internal/reason # a link that does not hold has a reason
link -> internal/request # the rights that a link gives
link -> internal/state # what is kept of links
audit -> internal/readfile # logs and cursors
audit -> internal/durable # locks, and syncs directories
audit -> internal/reason # a refusal's reason is recorded
audit -> internal/request # what is recorded
audit -> golang.org/x/mod # signed notes
audit -> golang.org/x/sys # fdatasync(2), O_NOFOLLOW
store -> internal/state # the records it keeps
store -> github.com/jackc/pgx/v5 # PostgreSQL
store -> modernc.org/sqlite # SQLite, without cgo
store/storetest -> internal/state # the records that stores keep
store/storetest -> github.com/google/go-cmp # compares them

inspect -> internal/finding # what it reports
probe -> internal/attack # the one corpus
probe -> internal/durable # what is planted is listed on disk first
probe -> internal/readfile # lists of what was planted
probe -> internal/finding # what it reports
vet -> internal/durable # a file that is rewritten is whole
vet -> internal/finding # what it reports
vet -> internal/readfile # source
vet -> internal/vet/flow # follows names
vet -> internal/vet/golang # reads Go
vet -> internal/vet/ir # what both languages become
vet -> internal/vet/python # reads Python
vet -> internal/vet/webconf # reads the configuration of web servers
vet/analyzer -> internal/vet/flow # follows names within a package
vet/analyzer -> internal/vet/golang # what the go command has parsed already
vet/analyzer -> internal/vet/ir # what it becomes
vet/analyzer -> golang.org/x/tools # the form of an analysis
internal/vet/ir -> - # the bottom: a language of a dozen statements
internal/vet/flow -> internal/vet/ir # what is run on symbols
internal/vet/golang -> internal/vet/ir # what Go becomes
internal/vet/python -> internal/vet/ir # what Python becomes
internal/vet/python -> github.com/tetratelabs/wazero # runs the grammar, which is WebAssembly
internal/vet/python -> golang.org/x/text # encodings that a source declares
internal/vet/webconf -> internal/vet/flow # the form of results

probe -> golang.org/x/net # HTTP/2 frames, with :path as it stands
inspect -> internal/name # which names other systems misread
inspect -> github.com/pelletier/go-toml/v2 # the form that gitleaks has its rules in
inspect -> golang.org/x/sys # openat(2) and its kin
inspect -> golang.org/x/text # names that are the same in another normal form

server -> . # opens and sends
server -> authn # who asks
server -> authz # who may have what
server -> link # signed links
server -> internal/hotcache # small files that are asked for often
server -> internal/lane # the event loops of the fast lane
server -> internal/listing # directories
server -> internal/name # mounts and patterns
server -> internal/plan # methods, redirects
server -> internal/reason # refusals
server -> internal/readfile # certificates, authorities, revocations
server -> internal/request # the facts that stages decide on
server -> internal/state # whose links are taken back, and how long a use may be resumed
server -> github.com/prometheus/client_golang # metrics
server -> golang.org/x/sys # how much of an answer the client has taken (SIOCOUTQ)

gate -> . # opens what an application names, and sends it
gate -> internal/name # paths of applications are judged by the fixed rules
gate -> internal/plan # headers of a file's answer
gate -> internal/reason # refusals
gate -> internal/request # the facts of a request
gate -> golang.org/x/text # every spelling of a route is compared in one

confine -> github.com/landlock-lsm/go-landlock # Landlock's system calls
confine -> golang.org/x/sys # seccomp(2), mount(2), capabilities(7)

cmd/rootbound -> . # opens the base directories
cmd/rootbound -> confine # commands that are held to their rules
cmd/rootbound -> audit # the record, verify and search
cmd/rootbound -> golang.org/x/mod # the key of the checkpoints
cmd/rootbound -> internal/readfile # what is named on the command line
cmd/rootbound -> internal/durable # a new key is on disk before it is shown
cmd/rootbound -> internal/config # flags and file are one schema
cmd/rootbound -> internal/finding # what inspect, probe and vet report
cmd/rootbound -> internal/review # one report of several tools
cmd/rootbound -> internal/name # what authz is asked about
cmd/rootbound -> internal/request # who asks, of authz
cmd/rootbound -> inspect # a directory before it is served
cmd/rootbound -> probe # a server that is running
cmd/rootbound -> vet # source
cmd/rootbound -> vet/analyzer # the same, as 'go vet -vettool' asks for it
cmd/rootbound -> golang.org/x/tools # the protocol of 'go vet -vettool'
cmd/rootbound -> gate # in front of applications
cmd/rootbound -> server # the main job
cmd/rootbound -> authn # users
cmd/rootbound -> store # the state
cmd/rootbound -> internal/state # users that it adds and lists
cmd/rootbound -> authz # grants
cmd/rootbound -> link # signed links
cmd/rootbound -> github.com/alecthomas/kong # the command line
cmd/rootbound -> golang.org/x/term # a password that is typed
cmd/rootbound -> golang.org/x/net # what may stand in a header
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

internal/hangfs     ->  golang.org/x/sys  # mount(2)
internal/testenv    ->  golang.org/x/sys  # a network of its own is made with unshare(2)
internal/tree       ->  golang.org/x/sys  # devices and sockets are made with mknod(2)
internal/deptest    ->  -                 # the judge depends on nothing it judges
internal/selftry -> confine # code inside of a process that confined itself
internal/selftry -> golang.org/x/sys # what it tries
internal/noopenat2  ->  golang.org/x/sys  # the filter is set with seccomp(2)
internal/docrun     ->  github.com/yuin/goldmark  # code blocks are found as a reader's renderer finds them
internal/docrun     ->  internal/testenv  # blocks run like any other process of a test
internal/docrun     ->  internal/tree     # the sample files
vet/corpustest      ->  -                 # labels are read by the tests alone

bench -> internal/testenv # finds nginx and the load's tools as tests do, and builds what ships
bench -> golang.org/x/crypto # the password of its user
bench -> golang.org/x/sys # CPU clocks, pinning, and a load on epoll(7)
bench/peers/fileserver -> - # the standard library is what it measures

tools/sbom  ->  -  # reads binaries with debug/buildinfo
tools/testlog -> - # reads what go test says
`

// joins are the only packages below the root that may import others there.
var joins = []string{"server", "cmd/rootbound", "internal/selftry"}

// harness lists what only tests may import, and nothing that ships links.
var harness = []string{
	"internal/testenv",
	"internal/tree",
	"internal/deptest",
	"internal/noopenat2",
	"internal/selftry",
	"internal/docrun",
	"internal/attack/plant",
	"internal/crashtest",
	"internal/crashwrite",
	"vet/corpustest",
	"store/storetest",
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
internal/attack/special_unix.go: os.Rename # trees of canaries, which tests and reports plant
internal/attack/tree.go: os.WriteFile # trees of canaries, which tests and reports plant
audit/segment.go: os.Rename # a full file gets its number; its records are synced by themselves
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
	readfile + "Open", readfile + "Read",
}

// readfile is the one way to what the operator names, which waits for nothing.
const readfile = "github.com/rootbound/rootbound/internal/readfile."

// mayOpen are the files that open by a path, and what they open.
var mayOpen = strings.ReplaceAll(`
containment.go: os.OpenFile # plants the self-test in its own temporary directory
dir.go: path/filepath.EvalSymlinks, os.Stat # the base's own path, as its operator named it
entries_linux.go: golang.org/x/sys/unix.Fstatat # one element of a held directory, following nothing
fold_linux.go: os.Stat # asks /sys whether the kernel folds names at all
open_linux.go: golang.org/x/sys/unix.Open, os.OpenRoot, golang.org/x/sys/unix.Openat, golang.org/x/sys/unix.Openat2, golang.org/x/sys/unix.Readlinkat # the base directory, and the one confined open
open_other.go: os.OpenRoot # the base directory
open_root.go: os.OpenRoot # takes os.Root's escape error once
updir_linux.go: golang.org/x/sys/unix.Openat # one element of a held directory, for an upload
internal/readfile/readfile.go: os.OpenFile # what the operator names, where the rows below say readfile
authn/htpasswd.go: readfile.Read # the operator's users
authn/jwt.go: readfile.Read # the operator's keys of an issuer
audit/segment.go: os.OpenFile, os.ReadDir, os.Lstat, os.Open # the operator's log
audit/checkpoint.go: os.OpenFile # the operator's file of checkpoints
audit/files.go: readfile.Open, os.Stat # the operator's log
audit/export.go: readfile.Read, os.OpenFile # the operator's cursor of an export, and its lock
cmd/rootbound/bases.go: os.Stat, path/filepath.EvalSymlinks # the operator's directories and the parents of secrets
cmd/rootbound/cmd_authz.go: readfile.Open, os.Stat # the operator's table of expectations, and whether there is a state to ask
cmd/rootbound/cmd_audit.go: readfile.Read, os.Lstat # the operator's keys and checkpoints
cmd/rootbound/findings.go: readfile.Open # the operator's accepted findings
cmd/rootbound/cmd_review.go: os.Stat # the operator's last report, and what a report speaks for
cmd/rootbound/review_look.go: os.Stat # whether a target is a directory
cmd/rootbound/named.go: readfile.Read # what the operator names on the command line, or in the configuration
cmd/rootbound/certs.go: readfile.Open # says early that a key cannot be read
cmd/rootbound/state.go: os.Stat # whether others may read the configuration, where it holds a password
cmd/rootbound/sandbox.go: os.Stat, os.Readlink, path/filepath.EvalSymlinks # where the operator's files are, and the links on the way
cmd/rootbound/users.go: os.Stat # whether the operator's users are new
confine/command_linux.go: os.Open, os.Readlink, path/filepath.EvalSymlinks # the operator's command, and the interpreter of its first line
confine/exec_linux.go: golang.org/x/sys/unix.Open # what the operator's rules name
confine/hide_linux.go: path/filepath.EvalSymlinks, golang.org/x/sys/unix.Openat, os.Readlink # a file tree that is made, and the links on the way of rules
confine/kernel_linux.go: golang.org/x/sys/unix.Open # tries what must be refused
confine/learn_linux.go: path/filepath.EvalSymlinks, os.Stat # what a watched command opened
confine/observed_linux.go: path/filepath.EvalSymlinks, os.Stat # what a watched command opens
confine/plan_linux.go: path/filepath.Glob, path/filepath.EvalSymlinks, os.Stat # what the operator's rules and the presets name
confine/preset_linux.go: os.Open, path/filepath.Glob, os.Stat # where an interpreter has its libraries
confine/self_linux.go: golang.org/x/sys/unix.Open, path/filepath.Glob, os.ReadFile # tries what must be refused, and asks /proc of every thread
confine/shim_linux.go: os.Stat, os.ReadFile # which version of an interpreter was chosen
confine/watch_linux.go: os.Open, os.Readlink, os.ReadFile # a watched process, in /proc
inspect/handle_linux.go: golang.org/x/sys/unix.Open, golang.org/x/sys/unix.Openat, golang.org/x/sys/unix.Fstatat, golang.org/x/sys/unix.Readlinkat # the operator's directory, and single elements beneath descriptors
inspect/handle_other.go: os.OpenRoot # the operator's directory
inspect/place_other.go: os.Lstat # the directories above
inspect/links_linux.go: os.OpenRoot, golang.org/x/sys/unix.Openat, golang.org/x/sys/unix.Openat2 # where links lead; nothing is opened (O_PATH)
inspect/place.go: os.Stat, os.Lstat, path/filepath.EvalSymlinks # the operator's path, home, and the links on the way
inspect/place_linux.go: golang.org/x/sys/unix.Openat, os.ReadFile, os.Open, os.Readlink, os.Stat # the directories above, mounts and processes, in /proc
internal/attack/layout.go: path/filepath.EvalSymlinks # what a planted tree is called, to look for it in answers
probe/calibrate.go: os.OpenRoot # the operator's base directory, for a file that is served
probe/config.go: path/filepath.EvalSymlinks, os.Stat # the operator's directories
probe/journal.go: readfile.Read, os.OpenFile, os.OpenRoot, os.Stat, os.ReadDir # the lists of what was planted, and the directories that hold it
probe/plant.go: os.OpenRoot # the directories that are planted in
probe/race.go: os.OpenRoot # the directory of a race
probe/upload.go: os.Lstat # where an upload went
internal/durable/durable.go: os.OpenRoot # the directory that is written to
vet/vet.go: readfile.Read, os.Stat, path/filepath.WalkDir # the operator's source
vet/names.go: os.Stat # what the operator's source calls itself
vet/fix.go: os.Stat # the permissions that a rewritten file keeps
internal/vet/webconf/nginx.go: os.Lstat # whether a root that is on this machine holds source
store/sqlite.go: os.OpenFile, os.Lstat, os.Stat # the operator's state
server/tls.go: readfile.Read, os.Stat # the operator's certificate, and whether it is new
server/clientcert.go: readfile.Read # the operator's authorities and revocations
server/unix.go: os.Lstat # a socket left behind by a dead server
`, ": readfile.", ": "+readfile)

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
