// Command testlog reads what "go test -json" writes and prints what a reader wants of it: a line for each package, all
// that a failed test printed, and of the others what stands behind "note: ", in which tests say what they counted, printed or logged.
// It exits 1 where something failed, or where nothing was tested.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64 // seconds
}

const note = "note: "

func main() {
	ok, err := read(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// read says whether something was tested and nothing failed.
func read(r io.Reader, w io.Writer) (ok bool, err error) {
	out := map[string]*strings.Builder{} // of tests that run, and of packages
	passed, failed := 0, 0
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				e = event{Action: "build-output", Output: string(line)}
			}
			switch handle(&e, out, w); {
			case e.Action == "pass" && e.Test == "":
				passed++
			case e.Action == "fail" && e.Test == "", e.Action == "build-fail":
				failed++
			}
		}
		if err == io.EOF {
			return passed > 0 && failed == 0, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func handle(e *event, out map[string]*strings.Builder, w io.Writer) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		if before, text, is := strings.Cut(e.Output, note); is && (before == "" || strings.Contains(before, "_test.go:")) {
			fmt.Fprint(w, "    ", text)
		}
		if out[key] == nil {
			out[key] = new(strings.Builder)
		}
		out[key].WriteString(e.Output)
	case "build-output":
		fmt.Fprint(w, e.Output)
	case "fail":
		if b := out[key]; b != nil {
			fmt.Fprint(w, b)
		}
		if e.Test == "" {
			fmt.Fprintf(w, "FAIL\t%s\t%.1fs\n", e.Package, e.Elapsed)
		}
		delete(out, key)
	case "pass", "skip":
		if e.Test == "" && e.Action == "pass" {
			fmt.Fprintf(w, "ok\t%s\t%s\n", e.Package, took(e, out[key]))
		}
		delete(out, key)
	}
}

// took is how long a package took, or that an earlier result stands for it.
func took(e *event, output *strings.Builder) string {
	if output != nil && strings.Contains(output.String(), "(cached)") {
		return "(cached)"
	}
	return fmt.Sprintf("%.1fs", e.Elapsed)
}
