package app

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(10 << 20); err != nil {
			http.Error(w, "form", http.StatusBadRequest)
			return
		}
		src, header, err := r.FormFile("file")
		if err != nil {
			http.Error(w, "file", http.StatusBadRequest)
			return
		}
		defer src.Close()
		name := r.PostFormValue("name")
		if name == "" {
			name = header.Filename
		}
		dst, err := os.Create(fmt.Sprintf("%s/%s", base, name))
		if err != nil {
			http.Error(w, "store", http.StatusInternalServerError)
			return
		}
		defer dst.Close()
		n, _ := io.Copy(dst, src)
		fmt.Fprintf(w, "stored %d bytes", n)
	})
}
