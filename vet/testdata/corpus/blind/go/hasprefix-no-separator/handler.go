package app

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

var errOutside = errors.New("outside of the base directory")

func resolve(base, name string) (string, error) {
	full := filepath.Join(base, name)
	if !strings.HasPrefix(full, filepath.Clean(base)) {
		return "", errOutside
	}
	return full, nil
}

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		full, err := resolve(base, r.FormValue("name"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		f, err := os.Open(full)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		io.Copy(w, f)
	})
}
