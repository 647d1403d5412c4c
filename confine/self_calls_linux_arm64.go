package confine

import "golang.org/x/sys/unix"

const newfstatat = unix.SYS_FSTATAT

// archCalls are those of ownCalls that other processors do not have.
var archCalls []uint32
