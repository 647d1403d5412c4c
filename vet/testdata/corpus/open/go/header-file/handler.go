package app

import (
	"net/http"
	"os"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(base + "/" + r.Header.Get("X-File"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
}
