package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

func Handler(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/page/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 0 {
			http.NotFound(w, r)
			return
		}
		data, err := os.ReadFile(filepath.Join(base, fmt.Sprintf("page-%d.txt", n)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
	return mux
}
