package main

import (
	"io"
	"io/fs"
	"log/slog"
	"os"
)

// newLogger writes text for people on a terminal and JSON for programs elsewhere, unless told which.
func newLogger(w io.Writer, format string) *slog.Logger {
	if format == "text" || (format == "auto" && isTerminal(w)) {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}
