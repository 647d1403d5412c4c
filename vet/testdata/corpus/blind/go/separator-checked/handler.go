package app

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if name == "" || strings.ContainsAny(name, `/\`) || name[0] == '.' {
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
