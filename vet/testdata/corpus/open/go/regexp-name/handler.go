package app

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
)

var plain = regexp.MustCompile(`^[a-z]+\.txt$`)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.FormValue("name")
		if !plain.MatchString(name) {
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
