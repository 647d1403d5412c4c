package app

import (
	"mime"
	"net/http"
	"path/filepath"
)

const terms = "hello.txt"

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		as := r.URL.Query().Get("file")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": as}))
		http.ServeFile(w, r, filepath.Join(base, terms))
	})
}
