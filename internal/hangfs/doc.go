// Package hangfs is a file system in user space that does not answer: for tests of what a dead network file system does
// to a server. It speaks the protocol of /dev/fuse itself (linux/fuse.h). Linux only.
//
// Whoever reads the mount must be another process than the one that answers: a process that waits for its own answer
// cannot even be killed.
package hangfs
