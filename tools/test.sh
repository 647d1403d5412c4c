#!/bin/sh
# The whole suite: what "make test" and CI run.
set -eu
cd "$(dirname "$0")/.."
. tools/step.sh

# One way to compile for lint, for what ships, and for what tests build, so that everything we depend on is compiled
# once: that is most of the time on a machine that has no cache. The race detector needs cgo, what it tests does not.
export GOFLAGS="${GOFLAGS:+$GOFLAGS }-trimpath" CGO_ENABLED=0

# Not beneath the clone: tests start what lies here as another user, who may not be able to walk to it.
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$cache"

# The end-to-end tests of all packages share one build of what ships.
shipped() {
	go build -o "$cache/rootbound" ./cmd/rootbound &&
		go build -o "$cache/noopenat2" ./internal/noopenat2 &&
		go build -o "$cache/testlog" ./tools/testlog
}

# tests COMMAND... runs go test and prints what a reader wants of it.
tests() {
	"$@" | "$cache/testlog"
}

# containment WANT COMMAND... says which containment the binary reports when
# the command starts it, and fails where it is not WANT (empty: any).
containment() {
	want=$1
	shift
	dir=$(mktemp -d)
	mkfifo "$dir/log"
	mkdir "$dir/base"
	timeout 60 "$@" "$cache/rootbound" serve --listen 127.0.0.1:0 "$dir/base" >"$dir/log" 2>&1 &
	server=$!
	answer=$(sed -n -e 's/.*containment[^a-zA-Z]*\([a-zA-Z0-9.]*\).*/\1/p;t end' -e 'b' -e ':end' -e q <"$dir/log")
	kill "$server" || :
	wait "$server" || :
	rm -r "$dir"
	echo "containment: $answer"
	[ -n "$answer" ] && [ -z "$want" ] || [ "$answer" = "$want" ]
}

# Packages that work on text alone, that have nothing to do with files that are
# served, or are the harness, open nothing confined: running them again without
# openat2 would show nothing new. Nor would the race detector, which doubles the time.
again() {
	packages=$(go list ./... |
		grep -v -E '/internal/(reason|name|readfile|request|plan|config|deptest|docrun|noopenat2|selftry|testenv|tree|finding|durable|lane|attack|attack/report|undefended|state|review|vet/.*)$|/tools/|/vet(/|$)|/(audit|authn|authz|confine|bench|link|store|probe)$')
	# The same goes for tests of names as text, of documents, of the answer's head beside Flask's, and of builds.
	text='^(TestSecureFilename.*|TestSafeJoin.*|TestDocs|TestSendIsFlasks|TestCIExamples|TestVetTool|TestVersionFromLinker)$'
	# Results cached from the run with openat2 must not answer for this one.
	ROOTBOUND_EXPECT_CONTAINMENT=os.Root tests "$cache/noopenat2" -- go test -json -count=1 -timeout 30m -skip "$text" $packages
}

step "peers" tools/install-peers.sh
tools/lint.sh
step "the binary that ships" shipped
export ROOTBOUND_BINARY="$cache/rootbound"
step "which containment answers" containment "" env
step "tests with the race detector" tests env CGO_ENABLED=1 go test -json -race -exec 'env CGO_ENABLED=0' -timeout 30m ./...
if [ "$(uname -s)" = Linux ]; then
	step "which containment answers where openat2 is refused" containment os.Root "$cache/noopenat2" --
	step "tests again where openat2 is refused" again
fi
step "release builds are reproducible" tools/release.sh check
