package rootbound_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/rootbound/rootbound"
)

// get asks a handler for a target, with header fields in pairs.
func get(h http.Handler, target string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A file that was opened, and looked at, is sent: it is the same one whatever happens to its name meanwhile.
func ExampleSend() {
	path, remove := exampleDir()
	defer remove()
	dir, err := rootbound.Open(path, rootbound.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := dir.Open("reports/may.txt")
		if err != nil {
			rootbound.Refuse(w, r, err)
			return
		}
		defer f.Close()
		if f.Size() > 1<<20 {
			http.Error(w, "too large for this page", http.StatusConflict)
			return
		}
		o := rootbound.SendOptions{ETag: `"v17"`} // for instance the version that a database knows
		if err := rootbound.Send(w, r, f, o); err != nil {
			panic(http.ErrAbortHandler) // the client must not take it for complete
		}
	})

	whole := get(h, "/")
	fmt.Println(whole.Code, whole.Body, whole.Header().Get("Content-Type"))
	part := get(h, "/", "Range", "bytes=7-", "If-Range", whole.Header().Get("ETag"))
	fmt.Println(part.Code, part.Body, part.Header().Get("Content-Range"))
	again := get(h, "/", "If-None-Match", whole.Header().Get("ETag"))
	fmt.Println(again.Code, again.Body.Len())
	// Output:
	// 200 all is well text/plain; charset=utf-8
	// 206 well bytes 7-10/11
	// 304 0
}

// What Flask's send_from_directory(base, name, as_attachment=True, download_name=...) does.
func ExampleDir_Send() {
	path, remove := exampleDir()
	defer remove()
	dir, err := rootbound.Open(path, rootbound.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := rootbound.SendOptions{AsAttachment: true, DownloadName: "Übersicht (Mai).txt"}
		if err := dir.Send(w, r, r.FormValue("file"), o); err != nil {
			fmt.Println("refused:", rootbound.ReasonOf(err)) // for the log: the answer has been given
		}
	})

	w := get(h, "/download?file=reports/may.txt")
	fmt.Println(w.Code, w.Header().Get("Content-Disposition"))
	fmt.Println(get(h, "/download?file=../secret.txt").Code)
	fmt.Println(get(h, "/download?file=link.txt").Code)
	// Output:
	// 200 attachment; filename="Ubersicht (Mai).txt"; filename*=UTF-8''%C3%9Cbersicht%20%28Mai%29.txt
	// refused: name-traversal
	// 403
	// refused: link-refused
	// 404
}

// Behind a ServeMux the handler is registered for the subtree and told what to cut off: the mux leaves the path as it
// is, and without Prefix the first element would be looked for in the directory. What the mux does itself is to answer
// paths that it would have written differently, by a redirect. And what PathValue gives was decoded: a name that
// the handler refuses has become another one.
func ExampleDir_Handler() {
	path, remove := exampleDir()
	defer remove()
	dir, err := rootbound.Open(path, rootbound.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	mux := http.NewServeMux()
	mux.Handle("/files/", dir.Handler(rootbound.HandlerConfig{Prefix: "/files/"}))
	mux.Handle("/stripped/", http.StripPrefix("/stripped", dir.Handler(rootbound.HandlerConfig{})))
	mux.Handle("/forgotten/", dir.Handler(rootbound.HandlerConfig{}))
	mux.HandleFunc("/decoded/{name...}", func(w http.ResponseWriter, r *http.Request) {
		_ = dir.Send(w, r, r.PathValue("name"), rootbound.SendOptions{}) // it was answered
	})

	for _, target := range []string{
		"/files/reports/may.txt", "/files/reports%2fmay.txt", "/files/%2e%2e/secret.txt", "/files/.env",
		"/stripped/reports/may.txt", "/stripped/reports%2fmay.txt",
		"/forgotten/reports/may.txt",
		"/decoded/reports%2fmay.txt",
		"/files/../secret.txt", "/files//reports",
	} {
		w := get(mux, target)
		if to := w.Header().Get("Location"); to != "" {
			fmt.Println(target, "is redirected to", to)
			continue
		}
		fmt.Println(w.Code, target)
	}
	// Output:
	// 200 /files/reports/may.txt
	// 403 /files/reports%2fmay.txt
	// 403 /files/%2e%2e/secret.txt
	// 403 /files/.env
	// 200 /stripped/reports/may.txt
	// 403 /stripped/reports%2fmay.txt
	// 404 /forgotten/reports/may.txt
	// 200 /decoded/reports%2fmay.txt
	// /files/../secret.txt is redirected to /secret.txt
	// /files//reports is redirected to /files/reports
}
