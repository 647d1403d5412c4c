package app

import (
	"net/http"
	"os"
)

func Handler(base string) http.Handler {
	all, err := os.OpenRoot(base)
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant, err := all.OpenRoot(r.Header.Get("X-Tenant"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer tenant.Close()
		http.FileServerFS(tenant.FS()).ServeHTTP(w, r)
	})
}
