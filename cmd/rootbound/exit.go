package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// The exit statuses of every command.
const (
	exitFine     = 0
	exitFindings = 1 // something was found, or the work could not be finished
	exitUsage    = 2 // flags, configuration or surroundings do not allow to start
)

// usageError is what whoever started us can put right: exit status 2.
type usageError struct {
	What   string // the thing, such as `--listen "x"`
	Rule   string // what it does not keep
	Remedy string
}

func (e *usageError) Error() string {
	return fmt.Sprintf("%s: %s. %s.", e.What, strings.TrimSuffix(e.Rule, "."), strings.TrimSuffix(e.Remedy, "."))
}

func usage(what, rule, remedy string) error {
	return &usageError{What: what, Rule: rule, Remedy: remedy}
}

// alreadyTold is an exit status whose reason stands on standard output already.
type alreadyTold struct{ code int }

func (e *alreadyTold) Error() string { return "" }

// report writes an error as its one line and says what the process exits with. It is the one place that does.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitFine
	}
	var told *alreadyTold
	if errors.As(err, &told) {
		return told.code
	}
	line := strings.TrimPrefix(err.Error(), "rootbound: ")
	_, _ = fmt.Fprintln(stderr, "rootbound: "+oneLine(line)) // nobody is left to be told
	var ue *usageError
	if errors.As(err, &ue) {
		return exitUsage
	}
	return exitFindings
}

// oneLine keeps a name from disk or command line from being more than text.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// cause is an error of the system without the operation and the path that it repeats.
func cause(err error) string {
	var errno syscall.Errno
	var pe *fs.PathError
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &pe):
		return pe.Err.Error()
	}
	return err.Error()
}

// unreadable says why a path of the operator's cannot be used.
func unreadable(what string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage(what, "it does not exist", "Name one that does")
	case errors.Is(err, fs.ErrPermission):
		return usage(what, fmt.Sprintf("the user with id %d may not read it", os.Geteuid()), "Change its mode, or start as a user who may")
	}
	return usage(what, cause(err), "Name another, or put this right")
}
