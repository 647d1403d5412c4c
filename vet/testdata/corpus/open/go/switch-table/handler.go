package app

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var name string
		switch r.FormValue("name") {
		case "hello":
			name = "hello.txt"
		case "report":
			name = "report.txt"
		default:
			http.NotFound(w, r)
			return
		}
		f, err := os.Open(filepath.Join(base, name))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		io.Copy(w, f)
	})
}
