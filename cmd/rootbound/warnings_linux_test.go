package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/config"
)

// The well-known roots themselves are tried on paths, for the machine need not have them.
func TestWarningsByPath(t *testing.T) {
	info, err := os.Stat(".")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/var/www":                        "inside /var/www",
		"/var/www/html/files":             "inside /var/www",
		"/var/wwwroot":                    "",
		"/usr/share/nginx/html":           "inside /usr/share/nginx/html",
		"/srv/http/x":                     "inside /srv/http",
		"/home/someone/public_html":       "public_html",
		"/home/someone":                   "home directory",
		"/home/someone/files":             "",
		"/root":                           "home directory",
		"/srv/files/my_public_html_notes": "",
		"/":                               "whole file system",
	} {
		b := &base{path: path, info: info}
		got := strings.Join(b.warnings(""), "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("warnings(%s) = %q, want %q", path, got, want)
		}
	}
}

// Bases are opened all or none: what the first one opened is closed when the second cannot be. Every
// descriptor is looked at by name, for other tests' children close theirs when they like.
func TestOpenBasesAllOrNone(t *testing.T) {
	good := t.TempDir()
	held, err := openBases([]config.Mount{{Dir: good}}, rootbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if n := descriptorsOf(t, good); n == 0 {
		t.Error("an open base has no descriptor that names it: the count below could not fail")
	}
	for _, b := range held {
		b.dir.Close()
	}
	bases, err := openBases([]config.Mount{{Dir: good}, {Name: "x", Dir: good + "/missing"}}, rootbound.Config{})
	if err == nil || bases != nil {
		t.Fatalf("openBases = %v, %v", bases, err)
	}
	if n := descriptorsOf(t, good); n != 0 {
		t.Errorf("%d descriptors of %s are still open", n, good)
	}
}

// descriptorsOf counts this process's descriptors of one directory.
func descriptorsOf(t *testing.T, dir string) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && target == dir {
			n++
		}
	}
	return n
}
