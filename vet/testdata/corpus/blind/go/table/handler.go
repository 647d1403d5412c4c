package app

import (
	"net/http"
	"os"
	"path/filepath"
)

func file(lang string) string {
	switch lang {
	case "de":
		return "report.txt"
	default:
		return "hello.txt"
	}
}

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(filepath.Join(base, file(r.FormValue("lang"))))
		if err != nil {
			http.Error(w, "gone", http.StatusGone)
			return
		}
		w.Write(data)
	})
}
