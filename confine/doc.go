// Package confine has the kernel hold a process to what was listed for it: files by Landlock, sockets by a seccomp
// filter, and by namespaces even the knowledge of what else exists. It confines a command that it starts, whose program
// need not know of it.
//
// Kernel says what the running kernel enforces, by trying it. Nothing here is decided by a version number.
//
// Sources: landlock(7), seccomp(2), seccomp_unotify(2), user_namespaces(7), pivot_root(2).
package confine
