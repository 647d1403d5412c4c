package app

import (
	"net/http"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		target := filepath.Join(base, r.URL.Query().Get("f"))
		w.Header().Set("X-Sendfile", target)
		w.WriteHeader(http.StatusOK)
	})
}
