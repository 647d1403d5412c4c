package app

import (
	"archive/zip"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

func add(zw *zip.Writer, base, name string) error {
	src, err := os.Open(filepath.Join(base, name))
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := zw.CreateHeader(&zip.FileHeader{Name: filepath.Base(name), Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return err
}

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/zip")
		zw := zip.NewWriter(w)
		defer zw.Close()
		for _, name := range r.URL.Query()["f"] {
			if err := add(zw, base, name); err != nil {
				return
			}
		}
	})
}
