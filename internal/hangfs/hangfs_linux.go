package hangfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Kind is what of a file never comes to an end. It begins the file's name.
type Kind string

// The kinds.
const (
	Fine   Kind = "fine"   // nothing
	Lookup Kind = "lookup" // the walk to it
	Open   Kind = "open"   // open(2)
	Attr   Kind = "attr"   // fstat(2)
	Read   Kind = "read"   // read(2)
	Tail   Kind = "tail"   // read(2) after the first 256 KiB
	Close  Kind = "close"  // close(2)
)

// Name is the name of a file: every name of this form exists, in the one directory that there is.
func Name(k Kind, size, n int) string { return fmt.Sprintf("%s-%d-%d", k, size, n) }

// node is a file that was looked up.
type node struct {
	kind Kind
	size uint64
}

// FS is one file system. Its methods are safe for concurrent use.
type FS struct {
	dev *os.File

	mu       sync.Mutex
	nodes    map[string]uint64 // ids by name
	names    []string          // in the order of their ids
	byID     map[uint64]node
	hung     map[Kind]int
	calls    map[Kind]int
	pending  []request
	released bool
}

// Mount mounts a file system on a directory, in the mount namespace of the calling thread. Close it: that ends every
// call that hangs, with an error.
func Mount(dir string) (*FS, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("hangfs: /dev/fuse: %w (load the module fuse, and let root have the device)", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)
	if err := unix.Mount("hangfs", dir, "fuse.hangfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return nil, errors.Join(fmt.Errorf("hangfs: mount: %w (it takes root with CAP_SYS_ADMIN)", err), unix.Close(fd))
	}
	fs := &FS{ // the runtime's poller can take the device only now that it is somebody's
		dev: os.NewFile(uintptr(fd), "/dev/fuse"), nodes: map[string]uint64{},
		byID: map[uint64]node{rootID: {}}, hung: map[Kind]int{}, calls: map[Kind]int{},
	}
	go fs.serve()
	return fs, nil
}

// Close ends the file system, whoever still waits for it. The mount stays, and answers ENOTCONN.
func (fs *FS) Close() error { return fs.dev.Close() }

// Hung is how many calls of a kind hang now.
func (fs *FS) Hung(k Kind) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.hung[k]
}

// Calls is how many calls of a kind there have been, of those that hang, or would but for Release.
func (fs *FS) Calls(k Kind) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.calls[k]
}

// Release answers all that hangs, and lets nothing hang from now on.
func (fs *FS) Release() {
	fs.mu.Lock()
	fs.released = true
	pending := fs.pending
	fs.pending = nil
	clear(fs.hung)
	fs.mu.Unlock()
	for _, r := range pending {
		fs.reply(r, fs.answer)
	}
}

func (fs *FS) serve() {
	buf := make([]byte, 1<<20)
	for {
		n, err := fs.dev.Read(buf)
		switch {
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINTR): // the caller was interrupted first
			continue
		case err != nil:
			return
		}
		r := parse(buf[:n])
		if r.op.silent() || fs.hangs(r) {
			continue
		}
		fs.reply(r, fs.answer)
	}
}

// hangs says whether a request is one that is kept.
func (fs *FS) hangs(r request) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n := fs.byID[r.node]
	if r.op == opLookup {
		n, _ = parseName(r.name())
	}
	if hangsAt[n.kind] != r.op || n.kind == Tail && r.offset() < tailAt {
		return false
	}
	fs.calls[n.kind]++
	if fs.released {
		return false
	}
	fs.hung[n.kind]++
	fs.pending = append(fs.pending, r)
	return true
}

// tailAt is where the tail begins.
const tailAt = 256 << 10

var hangsAt = map[Kind]opcode{Lookup: opLookup, Open: opOpen, Attr: opGetattr, Read: opRead, Tail: opRead, Close: opFlush}

func parseName(name string) (node, bool) {
	part := strings.Split(name, "-")
	if len(part) != 3 {
		return node{}, false
	}
	size, err1 := strconv.ParseUint(part[1], 10, 32)
	_, err2 := strconv.ParseUint(part[2], 10, 32)
	k := Kind(part[0])
	return node{k, size}, err1 == nil && err2 == nil && (k == Fine || hangsAt[k] != 0)
}

// lookup gives a name its id.
func (fs *FS) lookup(name string) (id uint64, n node, ok bool) {
	n, ok = parseName(name)
	if !ok {
		return 0, n, false
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if id = fs.nodes[name]; id == 0 {
		id = uint64(len(fs.nodes)) + rootID + 1
		fs.nodes[name], fs.byID[id] = id, n
		fs.names = append(fs.names, name)
	}
	return id, n, true
}

// list is what a read of the directory gives: the names that were looked up, for who compares them with what he opened.
func (fs *FS) list(r request) []byte {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var out []byte
	for i := r.offset(); i < uint64(len(fs.names)); i++ {
		e := dirEntry(i+rootID+1, i+1, fs.names[i])
		if len(out)+len(e) > r.size() {
			break
		}
		out = append(out, e...)
	}
	return out
}

func (fs *FS) nodeOf(id uint64) node {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.byID[id]
}
