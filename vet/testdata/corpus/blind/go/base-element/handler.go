package app

import (
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Base(r.FormValue("name"))
		if name == "." || name == ".." || name == string(filepath.Separator) {
			http.Error(w, "bad name", http.StatusBadRequest)
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
