package hangfs

import (
	"bytes"
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// What of linux/fuse.h is spoken here, in the order of its structs.

type opcode uint32

const (
	opLookup      opcode = 1
	opForget      opcode = 2
	opGetattr     opcode = 3
	opOpen        opcode = 14
	opRead        opcode = 15
	opStatfs      opcode = 17
	opRelease     opcode = 18
	opFlush       opcode = 25
	opInit        opcode = 26
	opOpendir     opcode = 27
	opReaddir     opcode = 28
	opReleasedir  opcode = 29
	opInterrupt   opcode = 36
	opDestroy     opcode = 38
	opBatchForget opcode = 42
)

// silent are requests that want no answer.
func (o opcode) silent() bool { return o == opForget || o == opBatchForget || o == opInterrupt }

const (
	rootID       = 1
	inHeader     = 40
	asyncRead    = 1 << 0  // FUSE_ASYNC_READ
	parallelDirs = 1 << 18 // FUSE_PARALLEL_DIROPS: one lookup that hangs does not hold the directory's others
	hour         = 3600    // for which the kernel may keep what it was told, in seconds
	longAgo      = 1577836800
)

type request struct {
	op     opcode
	unique uint64
	node   uint64
	body   []byte
}

func parse(b []byte) request {
	o := binary.NativeEndian
	return request{op: opcode(o.Uint32(b[4:])), unique: o.Uint64(b[8:]), node: o.Uint64(b[16:]), body: bytes.Clone(b[inHeader:])}
}

// name is what a lookup asks for.
func (r request) name() string { return strings.TrimRight(string(r.body), "\x00") }

// offset is where a read begins.
func (r request) offset() uint64 { return binary.NativeEndian.Uint64(r.body[8:]) }

// size is how much of it is wanted.
func (r request) size() int { return int(binary.NativeEndian.Uint32(r.body[16:])) }

// reply writes an answer. An error means that the caller, or the mount, is gone.
func (fs *FS) reply(r request, answer func(request) (unix.Errno, []byte)) {
	errno, body := answer(r)
	o := binary.NativeEndian
	out := o.AppendUint32(nil, uint32(16+len(body)))
	out = o.AppendUint32(out, uint32(-int32(errno)))
	out = o.AppendUint64(out, r.unique)
	_, _ = fs.dev.Write(append(out, body...))
}

func (fs *FS) answer(r request) (unix.Errno, []byte) {
	switch r.op {
	case opInit:
		return 0, initOut()
	case opLookup:
		id, n, ok := fs.lookup(r.name())
		if !ok {
			return unix.ENOENT, nil
		}
		return 0, entryOut(id, n)
	case opGetattr:
		return 0, attrOut(r.node, fs.nodeOf(r.node))
	case opOpen, opOpendir:
		return 0, make([]byte, 16)
	case opRead:
		return 0, readOut(r, fs.nodeOf(r.node))
	case opReaddir:
		return 0, fs.list(r)
	case opStatfs:
		return 0, make([]byte, 80)
	case opRelease, opReleasedir, opFlush, opDestroy:
		return 0, nil
	}
	return unix.ENOSYS, nil
}

func initOut() []byte {
	b := words(7, 31, 0, asyncRead|parallelDirs)
	b = append(b, halves(1000, 1000)...) // background requests
	b = append(b, words(128<<10, 1)...)  // largest write, granularity of times
	b = append(b, make([]byte, 64-len(b))...)
	return b
}

func entryOut(id uint64, n node) []byte {
	b := longs(id, 0, hour, keep(n))
	return append(append(b, words(0, 0)...), attr(id, n)...)
}

func attrOut(id uint64, n node) []byte {
	return append(append(longs(keep(n)), words(0, 0)...), attr(id, n)...)
}

// keep is how long the kernel may believe the attributes.
func keep(n node) uint64 {
	if n.kind == Attr {
		return 0
	}
	return hour
}

func attr(id uint64, n node) []byte {
	mode, links := uint32(unix.S_IFREG|0o444), uint32(1)
	if id == rootID {
		mode, links = unix.S_IFDIR|0o555, 2
	}
	b := longs(id, n.size, (n.size+511)/512, longAgo, longAgo, longAgo)
	return append(b, words(0, 0, 0, mode, links, 0, 0, 0, 4096, 0)...)
}

func dirEntry(id, next uint64, name string) []byte {
	b := append(longs(id, next), words(uint32(len(name)), unix.DT_REG)...)
	b = append(b, name...)
	return append(b, make([]byte, (8-len(b)%8)%8)...)
}

func readOut(r request, n node) []byte {
	off := r.offset()
	if off >= n.size {
		return nil
	}
	return bytes.Repeat([]byte{'x'}, int(min(uint64(r.size()), n.size-off)))
}

func halves(v ...uint16) (b []byte) {
	for _, x := range v {
		b = binary.NativeEndian.AppendUint16(b, x)
	}
	return b
}

func words(v ...uint32) (b []byte) {
	for _, x := range v {
		b = binary.NativeEndian.AppendUint32(b, x)
	}
	return b
}

func longs(v ...uint64) (b []byte) {
	for _, x := range v {
		b = binary.NativeEndian.AppendUint64(b, x)
	}
	return b
}
