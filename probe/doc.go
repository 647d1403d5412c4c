// Package probe attacks a running file server that its user owns, and reports what the server hands out beyond its base
// directory, what it tells about files there, and what else of file serving goes wrong under attack.
//
// It plants files with random content (canaries) around the base directory, where it can reach it, and sends the corpus of
// package attack as bytes, so that nothing on the way tidies a name. What it reports is proven: a canary's content, or the
// content of a well-known system file, in an answer; each is confirmed by a second, different request first.
//
// Nothing it plants stays: what will be planted is written to a journal first, so that Clean removes it after a process that
// was killed.
package probe
