package app

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(filepath.Join(base, path.Clean("/"+r.FormValue("name"))))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
}
