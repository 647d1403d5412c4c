package confine

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// onThread runs f on a thread of the operating system that ends with it, so that what f does to its thread touches
// nobody else. The runtime makes no thread from a locked one, so restrictions are not inherited by others of ours.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		// The main thread cannot end, and stands for the whole process in /proc. It waits here while another works.
		if unix.Gettid() == os.Getpid() {
			onThread(f)
			runtime.UnlockOSThread()
			close(done)
			return
		}
		defer close(done)
		f()
	}()
	<-done
}
