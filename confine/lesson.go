package confine

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Lesson is what Learn proposes.
type Lesson struct {
	// Status is what the command exited with, 128 and the number of a signal that ended it.
	Status int `json:"status"`
	// Flags are those of rootbound confine under which the command can do what it did.
	Flags []string `json:"flags"`
	// Command is what was run.
	Command []string `json:"command"`
	// Warnings are what deserves a look, a sentence each: secrets that were read and are not proposed, among others.
	Warnings []string `json:"warnings"`
}

// WriteJSON writes the lesson as one JSON object.
func (l *Lesson) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(l)
}

// Write writes the lesson as a command line, with the warnings before it as comments of a shell.
func (l *Lesson) Write(w io.Writer) error {
	var b strings.Builder
	for _, warning := range l.Warnings {
		fmt.Fprintf(&b, "# %s\n", warning)
	}
	b.WriteString("rootbound confine")
	for i := 0; i < len(l.Flags); i += 2 {
		fmt.Fprintf(&b, " \\\n  %s %s", l.Flags[i], shellQuote(l.Flags[i+1]))
	}
	b.WriteString(" \\\n  --")
	for _, word := range l.Command {
		b.WriteString(" " + shellQuote(word))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

const plainInShell = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%"

func shellQuote(s string) string {
	if s != "" && strings.Trim(s, plainInShell) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// secretNames are elements of paths that hold what nobody should propose to read: a pattern of path/filepath.Match for
// one element, or for the path from the root.
var secretNames = []string{
	".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".pgpass", ".my.cnf", ".git-credentials", ".vault-token", ".password-store",
	".bash_history", ".zsh_history", ".python_history", "id_rsa*", "id_ed25519*", "id_ecdsa*", "*.key", "*.p12", "*.pfx", "*.kdbx", ".env", ".htpasswd",
	"/etc/shadow*", "/etc/gshadow*", "/etc/sudoers*", "/etc/ssl/private", "/etc/letsencrypt", "/etc/krb5.keytab", "/proc/kcore", "/dev/mem", "/dev/sd*", "/dev/vd*", "/dev/nvme*",
}

// secret says whether a path, or a directory above it, is by its name one of the secrets.
func secret(path string) bool {
	for p := path; p != "/" && p != "."; p = filepath.Dir(p) {
		for _, pattern := range secretNames {
			name := filepath.Base(p)
			if strings.HasPrefix(pattern, "/") {
				name = p
			}
			if ok, err := filepath.Match(pattern, name); err == nil && ok {
				return true
			}
		}
	}
	return false
}

// folder turns files into the directories that are worth a rule.
type folder struct {
	keep []string // directories that are never proposed whole, besides broad: the home and the working directory
	dont []string // paths that must not come along with a directory
}

// manySiblings is how many directories beside each other become the one above them.
const manySiblings = 3

// fold proposes directories for files, and files where a directory would hold too much. The result is sorted, and
// nothing in it lies beneath another.
func (f folder) fold(files, dirs []string) []string {
	var out []string
	for _, file := range files {
		if dir := filepath.Dir(file); f.foldable(dir) {
			out = append(out, dir)
		} else {
			out = append(out, file)
		}
	}
	out = outermost(append(out, dirs...))
	for {
		parents := map[string]int{}
		for _, path := range out {
			parents[filepath.Dir(path)]++
		}
		next := slices.Clone(out)
		for parent, n := range parents {
			if n >= manySiblings && f.foldable(parent) {
				next = append(next, parent)
			}
		}
		if next = outermost(next); slices.Equal(next, out) {
			return out
		}
		out = next
	}
}

func (f folder) foldable(dir string) bool {
	if slices.Contains(broad, dir) || slices.Contains(f.keep, dir) || beneath(dir, "/proc") || beneath(dir, "/sys") || beneath(dir, "/dev") {
		return false
	}
	return !slices.ContainsFunc(f.dont, func(p string) bool { return beneath(p, dir) })
}

// outermost sorts paths and leaves out what lies beneath another.
func outermost(paths []string) []string {
	slices.Sort(paths)
	var out []string
	for _, p := range paths {
		if !slices.ContainsFunc(out, func(o string) bool { return beneath(p, o) }) {
			out = append(out, p)
		}
	}
	return out
}

// beneath says whether path is dir or lies in it, by whole elements.
func beneath(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
