package app

import (
	"fmt"
	"net/http"
	"os"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(fmt.Sprintf("%s/%s", base, r.URL.Query().Get("name")))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
}
