package confine

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// onThread runs f on a thread of the operating system that has ended when it returns, so that what f does to its thread
// touches nobody else. The runtime makes no thread from a locked one, so restrictions are not inherited by others of ours.
func onThread(f func()) {
	thread := make(chan int)
	go func() {
		runtime.LockOSThread()
		// The main thread cannot end, and stands for the whole process in /proc. It waits here while another works.
		if unix.Gettid() == os.Getpid() {
			onThread(f)
			runtime.UnlockOSThread()
			thread <- 0
			return
		}
		f()
		thread <- unix.Gettid()
	}()
	if id := <-thread; id != 0 {
		ended(id)
	}
}

// exitTime is more than a thread needs to end on a machine that is busy.
const exitTime = 10 * time.Second

// ended waits until the thread is no longer one of ours. While it is, no filter can be set for all threads: its own is
// none that ours continues, see seccomp(2), SECCOMP_FILTER_FLAG_TSYNC.
func ended(id int) {
	for end := time.Now().Add(exitTime); time.Now().Before(end); time.Sleep(20 * time.Microsecond) {
		if unix.Tgkill(os.Getpid(), id, 0) != nil {
			return
		}
	}
}
