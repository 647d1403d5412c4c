package rootbound_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/rootbound/rootbound"
)

// An upload form: the file is stored under a name nobody can guess. What its sender called it is kept beside, to be
// offered as the download name later, and never names anything on the disk.
func ExampleDir_CreateUnguessable() {
	path, err := os.MkdirTemp("", "uploads")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(path)
	dir, err := rootbound.Open(path, rootbound.Config{Writable: true, MaxUpload: 10 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	downloadNames := map[string]string{} // a database, in a real program
	upload := func(w http.ResponseWriter, r *http.Request) {
		form, header, err := r.FormFile("file")
		if err != nil {
			http.Error(w, "no file", http.StatusBadRequest)
			return
		}
		defer form.Close()
		p, err := dir.CreateUnguessable(".", header.Filename, rootbound.CreateOptions{})
		if err != nil {
			rootbound.Refuse(w, r, err)
			return
		}
		defer p.Close() // discards whatever was not committed
		if _, err := io.Copy(p, form); err != nil {
			rootbound.Refuse(w, r, err)
			return
		}
		if err := p.Commit(); err != nil {
			rootbound.Refuse(w, r, err)
			return
		}
		downloadNames[p.Name().String()] = p.DownloadName()
		w.WriteHeader(http.StatusCreated)
	}

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("file", "holiday.jpg") // writing to a buffer cannot fail
	_, _ = io.WriteString(part, "not really a picture")
	_ = form.Close()
	r := httptest.NewRequest(http.MethodPost, "/upload", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	upload(w, r)

	fmt.Println(w.Code)
	for stored, name := range downloadNames {
		f, err := dir.Open(stored)
		if err != nil {
			log.Fatal(err)
		}
		defer f.Close()
		fmt.Println(len(stored), f.Size(), name)
	}
	// Output:
	// 201
	// 30 20 holiday.jpg
}
