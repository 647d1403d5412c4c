package app

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := r.URL.Query().Get("f")
		if strings.Contains(f, "..") {
			http.Error(w, "nice try", http.StatusBadRequest)
			return
		}
		name, err := url.PathUnescape(f)
		if err != nil {
			http.Error(w, "bad escape", http.StatusBadRequest)
			return
		}
		b, err := os.ReadFile(filepath.Join(base, filepath.FromSlash(name)))
		if err != nil {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		_, _ = w.Write(b)
	})
}
