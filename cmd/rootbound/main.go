// Command rootbound hands out files and nothing beyond the directory you name.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// The kernel gives a signal to the process's first thread, if that has none pending, and to no other afterwards. A thread
// that waits for a file system which hangs would keep a SIGTERM to itself, so the first one only ever waits for the rest.
func init() { runtime.LockOSThread() }

func main() {
	vetTool(os.Args[1:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once, whatever is still running.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
