package testenv

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// SkipVariable is the environment variable that lets a developer without the
// peers skip the tests that need them, by the value "skip". It is refused where
// CI is set.
const SkipVariable = "ROOTBOUND_PEERS"

//go:embed peers.txt
var peerTable string

// Peer is a real program that tests are run against.
type Peer struct {
	// Name is what tests and PATH call it.
	Name string
	// Package is the Debian package that holds it.
	Package string
	// Least is the oldest version the tests were written for.
	Least string
	// Places are patterns of absolute file names, tried in order before PATH.
	Places []string
}

// Peers returns the table of peers.txt in its order.
func Peers() ([]Peer, error) { return parsePeers(peerTable) }

func parsePeers(table string) ([]Peer, error) {
	var peers []Peer
	for i, line := range strings.Split(table, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 4 {
			return nil, fmt.Errorf("peers.txt:%d: %d columns, want 4: %q", i+1, len(fields), line)
		}
		peers = append(peers, Peer{fields[0], fields[1], fields[2], strings.Split(fields[3], ",")})
	}
	return peers, nil
}

// Find returns where p is on this machine, or false.
func (p Peer) Find() (string, bool) {
	for _, place := range p.Places {
		// The last match is the newest version where the pattern holds one.
		if found, err := filepath.Glob(place); err == nil && len(found) > 0 {
			return found[len(found)-1], true
		}
	}
	path, err := exec.LookPath(p.Name)
	return path, err == nil
}

// Need returns the path of the named peer and fails the test, with the command
// that installs it, where it is missing.
func Need(tb testing.TB, name string) string {
	tb.Helper()
	peers, err := Peers()
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range peers {
		if p.Name == name {
			return p.need(tb)
		}
	}
	tb.Fatalf("testenv: %q is not in internal/testenv/peers.txt", name)
	return ""
}

func (p Peer) need(tb testing.TB) string {
	tb.Helper()
	path, ok := p.Find()
	if ok {
		return path
	}
	missing := fmt.Sprintf("%s (%s or later) is missing; install it with: apt-get install -y --no-install-recommends %s",
		p.Name, p.Least, p.Package)
	skip, err := skipPeers(os.Getenv)
	if err != nil {
		tb.Fatalf("%v; %s", err, missing)
	}
	if skip {
		tb.Skipf("%s=skip: %s", SkipVariable, missing)
	}
	tb.Fatal(missing)
	return ""
}

// skipPeers tells whether a missing peer may be skipped.
func skipPeers(env func(string) string) (bool, error) {
	switch value := env(SkipVariable); {
	case value == "":
		return false, nil
	case value != "skip":
		return false, fmt.Errorf("%s=%s: the only value is skip", SkipVariable, value)
	case env("CI") != "":
		return false, fmt.Errorf("%s=skip is refused where CI is set", SkipVariable)
	}
	return true, nil
}
