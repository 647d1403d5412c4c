package app

import (
	"archive/tar"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
)

func Handler(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /restore", func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("b")
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		tr := tar.NewReader(file)
		for {
			hdr, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if hdr == nil {
				http.Error(w, err.Error(), 400)
				return
			}
			switch hdr.Typeflag {
			case tar.TypeReg:
				data, err := io.ReadAll(tr)
				if err != nil {
					http.Error(w, err.Error(), 400)
					return
				}
				os.WriteFile(path.Join(base, hdr.Name), data, 0o600)
			}
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
