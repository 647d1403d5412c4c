package app

import (
	"archive/zip"
	"io"
	"net/http"
	"os"
)

func unpack(root *os.Root, f *zip.File) error {
	rc, err := f.Open()
	if err != nil {
		return err
	}
	defer rc.Close()
	out, err := root.OpenFile(f.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, io.LimitReader(rc, 1<<20))
	return err
}

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, header, err := r.FormFile("archive")
		if err != nil {
			http.Error(w, "archive missing", http.StatusBadRequest)
			return
		}
		defer file.Close()
		root, err := os.OpenRoot(base)
		if err != nil {
			http.Error(w, "storage", http.StatusInternalServerError)
			return
		}
		defer root.Close()
		zr, err := zip.NewReader(file, header.Size)
		if err != nil {
			http.Error(w, "not a zip", http.StatusBadRequest)
			return
		}
		for _, f := range zr.File {
			if err := unpack(root, f); err != nil {
				http.Error(w, "refused", http.StatusUnprocessableEntity)
				return
			}
		}
	})
}
