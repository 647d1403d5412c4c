package app

import (
	"net/http"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if !filepath.IsLocal(name) {
			http.Error(w, "no such file", http.StatusNotFound)
			return
		}
		http.ServeFile(w, r, filepath.Join(base, name))
	})
}
