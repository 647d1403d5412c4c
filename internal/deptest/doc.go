// Package deptest holds a module to two tables of policy: which package may
// import which, and which file may use which function. Both tables fail when
// code breaks a rule and when a rule no longer has code it speaks of, so that
// neither can rot. A rule is not loosened to make a build pass: it says why it
// stands, and the reason must still be true.
package deptest
