package app

import (
	"io/fs"
	"net/http"
	"os"
)

func Handler(base string) http.Handler {
	files := os.DirFS(base)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := fs.ReadFile(files, r.URL.Query().Get("name"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
}
