package app

import (
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.FormValue("name")
		if !filepath.IsLocal(name) {
			http.NotFound(w, r)
			return
		}
		data, err := os.ReadFile(filepath.Join(base, name))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
}
