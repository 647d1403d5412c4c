package app

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var textual = []string{".txt", ".md", ".csv"}

func permitted(name string) bool {
	return slices.Contains(textual, strings.ToLower(filepath.Ext(name))) && !strings.HasPrefix(name, ".") && !filepath.IsAbs(name)
}

type app struct{ base string }

func (a app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, "/cat/")
	if !ok || !permitted(name) {
		http.NotFound(w, r)
		return
	}
	data, err := os.ReadFile(filepath.Join(a.base, name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Write(data)
}

// Handler shows text files.
func Handler(base string) http.Handler { return app{base} }
