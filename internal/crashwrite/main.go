// Command crashwrite is a tool of the tests: it makes uploads through the library, for a test to kill, to run out
// of disk, or to have system calls fail under it. It is built without cgo, as what ships is, and never shipped.
//
//	crashwrite -dir DIR -name NAME -size BYTES [-byte x] [-overwrite] [-refuse CALLS] [-naive | -durable]
//	crashwrite -dir DIR -soak WORKERS
//
// The first form prints "committed" once the upload is acknowledged, or "refused REASON: ERROR", and exits 1. The
// second makes uploads without end and prints the name of each one that is acknowledged.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/durable"
)

type options struct {
	dir, name, fill, refuse string
	size, soak              int
	overwrite               bool
	naive, durable          bool
}

func main() {
	runtime.LockOSThread() // strace counts the calls of each thread by itself
	var o options
	flag.StringVar(&o.dir, "dir", "", "base directory")
	flag.StringVar(&o.name, "name", "", "name of the upload")
	flag.IntVar(&o.size, "size", 0, "its size in bytes")
	flag.StringVar(&o.fill, "byte", "x", "the byte it consists of")
	flag.BoolVar(&o.overwrite, "overwrite", false, "replace a file of that name")
	flag.StringVar(&o.refuse, "refuse", "", "comma-separated: refuse tmpfile, openat2, renameat2 by a seccomp filter")
	flag.BoolVar(&o.naive, "naive", false, "the control: write in place, as os.WriteFile does")
	flag.BoolVar(&o.durable, "durable", false, "write by internal/durable instead")
	flag.IntVar(&o.soak, "soak", 0, "make uploads without end in so many goroutines")
	flag.Parse()
	os.Exit(run(o, os.Stdout))
}

func run(o options, out io.Writer) int {
	if o.refuse != "" {
		if err := refuseCalls(strings.Split(o.refuse, ",")); err != nil {
			fmt.Fprintln(out, "no filter:", err)
			return 2
		}
	}
	path, content := filepath.Join(o.dir, o.name), bytes.Repeat([]byte(o.fill), o.size)
	switch {
	case o.naive:
		return report(out, os.WriteFile(path, content, 0o600))
	case o.durable:
		return report(out, durable.WriteFile(path, content, 0o600))
	}
	dir, err := rootbound.Open(o.dir, rootbound.Config{Writable: true})
	if err != nil {
		return report(out, err)
	}
	if o.soak > 0 {
		return report(out, soak(dir, o.soak, out))
	}
	return report(out, upload(dir, o.name, bytes.NewReader(content), o.overwrite))
}

func upload(dir *rootbound.Dir, name string, r io.Reader, overwrite bool) error {
	p, err := dir.Create(name, rootbound.CreateOptions{Overwrite: overwrite})
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := io.Copy(p, struct{ io.Reader }{r}); err != nil { // in pieces, as from a connection
		return err
	}
	return p.Commit()
}

func report(out io.Writer, err error) int {
	if err != nil {
		fmt.Fprintf(out, "refused %s: %v\n", rootbound.ReasonOf(err), err)
		return 1
	}
	fmt.Fprintln(out, "committed")
	return 0
}
