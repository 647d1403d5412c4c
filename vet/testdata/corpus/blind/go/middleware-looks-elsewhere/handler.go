package app

import (
	"net/http"
	"os"
)

func view(base string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(base + "/" + r.FormValue("doc"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}
}

func Handler(base string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/view", view(base))
	return noTraversal(mux)
}
