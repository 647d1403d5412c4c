package app

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
)

var errOut = errors.New("leads out")

func locate(base, name string) (string, error) {
	p := filepath.Join(base, name)
	if !strings.HasPrefix(p, base+string(filepath.Separator)) {
		return "", errOut
	}
	return p, nil
}

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := locate(base, r.FormValue("name"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, p)
	})
}
