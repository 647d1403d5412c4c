package rootbound

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
)

// descriptors counts what this process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// keepsDescriptors fails the test if run leaves descriptors open. The collector is off meanwhile: it would close them.
func keepsDescriptors(t *testing.T, run func()) {
	t.Helper()
	runtime.GC() // and with it what a test before may have left to the collector
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := descriptors(t)
	run()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors open, %d before", after, before)
	}
}
