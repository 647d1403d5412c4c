package app

import (
	"net/http"
	"path/filepath"
)

// Handler serves downloads.
func Handler(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /download", func(w http.ResponseWriter, r *http.Request) {
		file := r.URL.Query().Get("file")
		if file == "" {
			http.Error(w, "file missing", http.StatusBadRequest)
			return
		}
		http.ServeFile(w, r, filepath.Join(base, file))
	})
	return mux
}
