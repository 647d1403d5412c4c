// Package testenv runs tests beside the real thing: the shipped binary, nginx,
// Flask under gunicorn, Debian's Python, an unprivileged user.
//
// A peer that is missing fails the test with the command that installs it; it
// never skips, because a suite that quietly leaves out its comparisons proves
// nothing. Nothing here is linked into rootbound.
package testenv
