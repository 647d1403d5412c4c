package app

import (
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if !filepath.IsLocal(name) {
			http.Error(w, "bad name", http.StatusBadRequest)
		}
		data, err := os.ReadFile(filepath.Join(base, name))
		if err != nil {
			return
		}
		w.Write(data)
	})
}
