// Command bench measures rootbound beside the servers it is compared with, in
// one run, and says which of the bounds it is held to are met:
//
//	go run ./bench [-rows 1k,304] [-rounds 5] [-format text|json] [-o FILE]
//
// A figure is the CPU time that the processes of a server spend on a request,
// user and system, as the kernel counts it (clock_getcpuclockid(3)): unlike
// requests a second it does not depend on how fast the load comes. Every server
// is pinned to one core, the load to another. Servers alternate within a run,
// so that what disturbs the machine disturbs all of them.
//
// Answers are counted and checked. A row in which a server answers anything but
// what is expected fails, whatever its figures.
//
// It needs Linux, and nginx, wrk and h2load as internal/testenv/peers.txt has them.
package main
