package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// BinaryVariable names a prebuilt rootbound for Binary to use instead of
// building one. Binary sets it, so that child processes share what was built.
const BinaryVariable = "ROOTBOUND_BINARY"

var build = sync.OnceValues(buildBinary)

// Binary returns the path of the rootbound that ships: ./cmd/rootbound, built
// once a process with CGO_ENABLED=0 and -trimpath.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// Build is Binary for a program that is no test.
func Build() (string, error) { return build() }

func buildBinary() (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("%s=%s: want an absolute path, tests run in many directories", BinaryVariable, path)
		}
		_, err := os.Stat(path)
		return path, err
	}
	root, err := FindRepo()
	if err != nil {
		return "", err
	}
	dir, err := processDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "rootbound")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/rootbound")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building ./cmd/rootbound: %w\n%s", err, out)
	}
	return path, os.Setenv(BinaryVariable, path)
}

// processDir makes a directory that lives as long as this process. Other users
// may read it: tests start what lies there without privileges.
func processDir() (string, error) {
	dir, err := os.MkdirTemp("", "rootbound-test-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	return dir, removeAtExit(dir)
}

// Repo returns the root of the repository: the nearest directory at or above
// the working directory that holds go.mod.
func Repo(tb testing.TB) string {
	tb.Helper()
	root, err := FindRepo()
	if err != nil {
		tb.Fatal(err)
	}
	return root
}

// FindRepo is Repo for a program that is no test.
func FindRepo() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("testenv: no go.mod at or above %s", start)
		}
	}
}
