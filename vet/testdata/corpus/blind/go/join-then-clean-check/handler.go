package app

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func target(base, name string) (string, bool) {
	p := filepath.Join(base, name)
	return p, !strings.Contains(p, "..")
}

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := target(base, r.URL.Query().Get("name"))
		if !ok {
			http.Error(w, "bad name", http.StatusBadRequest)
			return
		}
		f, err := os.Open(p)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, info.Name(), info.ModTime(), f)
	})
}
