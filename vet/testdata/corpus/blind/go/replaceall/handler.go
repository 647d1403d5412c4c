package app

import (
	"net/http"
	"os"
	"strings"
	"time"
)

var sanitizer = strings.NewReplacer("../", "", "..\\", "", "\x00", "")

func sanitize(s string) string { return sanitizer.Replace(s) }

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		src := sanitize(r.URL.Query().Get("src"))
		f, err := os.OpenFile(base+string(os.PathSeparator)+src, os.O_RDONLY, 0)
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		defer f.Close()
		http.ServeContent(w, r, src, time.Time{}, f)
	})
}
