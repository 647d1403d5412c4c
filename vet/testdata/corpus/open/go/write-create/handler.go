package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Create(filepath.Join(base, r.FormValue("name")))
		if err != nil {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		defer f.Close()
		fmt.Fprintln(f, r.FormValue("text"))
	})
}
