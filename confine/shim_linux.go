package confine

import (
	"os"
	"path/filepath"
	"strings"
)

// unshim finds the program behind a shim of pyenv, rbenv or nodenv, ROOT/shims/NAME, by the rules of these tools and
// without running one: an environment variable, a file in the working directory or above it, ROOT/version. It returns
// path where that is no shim, or where nothing of this names an installed version.
func unshim(path string) string {
	root := filepath.Dir(filepath.Dir(path))
	if filepath.Base(filepath.Dir(path)) != "shims" {
		return path
	}
	tool := strings.TrimPrefix(filepath.Base(root), ".")
	lang, ok := map[string]string{"pyenv": "python", "rbenv": "ruby", "nodenv": "node"}[tool]
	if !ok {
		return path
	}
	for _, version := range shimVersions(root, tool, lang) {
		program := filepath.Join(root, "versions", version, "bin", filepath.Base(path))
		if _, err := os.Stat(program); err == nil {
			return program
		}
	}
	return path
}

// shimVersions are the versions that are chosen, the first wins where it has the program.
func shimVersions(root, tool, lang string) []string {
	if chosen := os.Getenv(strings.ToUpper(tool) + "_VERSION"); chosen != "" {
		return strings.Split(chosen, ":")
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil
	}
	for {
		if text, err := os.ReadFile(filepath.Join(dir, "."+lang+"-version")); err == nil {
			return strings.Fields(string(text))
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	text, err := os.ReadFile(filepath.Join(root, "version"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}
