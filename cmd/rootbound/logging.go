package main

import (
	"io"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/term"
)

// newLogger writes text for people on a terminal and JSON for programs elsewhere, unless told which. lines is where whole
// lines of JSON may be written too, nil where it writes text.
func newLogger(w io.Writer, format string) (log *slog.Logger, lines io.Writer) {
	if format == "text" || (format == "auto" && isTerminal(w)) {
		return slog.New(slog.NewTextHandler(w, nil)), nil
	}
	lines = &lineWriter{w: w}
	return slog.New(slog.NewJSONHandler(lines, nil)), lines
}

// lineWriter keeps what several write from mixing.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// isTerminal says whether somebody is looking.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
