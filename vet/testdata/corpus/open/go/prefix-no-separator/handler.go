package app

import (
	"net/http"
	"path/filepath"
	"strings"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := filepath.Join(base, r.FormValue("name"))
		if !strings.HasPrefix(p, base) {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		http.ServeFile(w, r, p)
	})
}
