package rootbound

import "syscall"

// Body is the file that the segments of the plan are of, for a writer of its own; nil where they are in memory. It
// stays the answer's.
func (a *Answer) Body() *File { return a.body }

// SyscallConn gives access to the descriptor, for sendfile(2) and its like. Nothing may be changed through it.
func (f *File) SyscallConn() (syscall.RawConn, error) {
	c, err := f.f.SyscallConn()
	return c, f.failed("control", err)
}

// Content is all of the file, for a writer of its own. It must not be written to.
func (l *Loaded) Content() []byte { return l.content }
