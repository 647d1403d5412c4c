package app

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
)

var valid = regexp.MustCompile(`^[a-z0-9]+\.(txt|md)$`)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := r.URL.Query().Get("n")
		if !valid.MatchString(n) {
			http.Error(w, "invalid name", http.StatusBadRequest)
			return
		}
		data, err := os.ReadFile(filepath.Join(base, n))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
}
