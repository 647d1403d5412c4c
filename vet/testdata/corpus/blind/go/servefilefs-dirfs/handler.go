package app

import (
	"net/http"
	"os"
)

func Handler(base string) http.Handler {
	fsys := os.DirFS(base)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, fsys, r.URL.Query().Get("name"))
	})
}
