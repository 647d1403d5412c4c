package app

import (
	"net/http"
	"path/filepath"
)

func tenantDir(base string, r *http.Request) http.Dir {
	tenant := r.Header.Get("X-Tenant")
	if tenant == "" {
		tenant = "docs"
	}
	return http.Dir(filepath.Join(base, tenant))
}

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(tenantDir(base, r)).ServeHTTP(w, r)
	})
}
