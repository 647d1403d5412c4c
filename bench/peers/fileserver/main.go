// Command fileserver serves a directory with what the standard library has, to
// be measured beside rootbound:
//
//	fileserver [-tls-cert FILE -tls-key FILE] dir|root DIRECTORY
//
// dir is http.FileServer(http.Dir), which follows links out of the directory;
// root is http.FileServerFS on an os.Root, which does not.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
)

func main() {
	cert := flag.String("tls-cert", "", "certificate, in PEM")
	key := flag.String("tls-key", "", "its key, in PEM")
	flag.Parse()
	if err := run(flag.Arg(0), flag.Arg(1), *cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "fileserver:", err)
		os.Exit(1)
	}
}

func run(kind, dir, cert, key string) error {
	handler, err := handlerOf(kind, dir)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on %s\n", l.Addr())
	if cert != "" {
		return http.ServeTLS(l, handler, cert, key)
	}
	return http.Serve(l, handler)
}

func handlerOf(kind, dir string) (http.Handler, error) {
	switch kind {
	case "dir":
		return http.FileServer(http.Dir(dir)), nil
	case "root":
		files, err := rootFS(dir)
		return http.FileServerFS(files), err
	}
	return nil, fmt.Errorf("%q: want dir or root", kind)
}

func rootFS(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return root.FS(), nil
}
