package probe

import (
	"bytes"
	"regexp"
	"slices"
)

// pattern is an expression, and texts of which each of its matches holds one: looking for those is a thousand times faster, and
// most answers hold none.
type pattern struct {
	re    *regexp.Regexp
	holds [][]byte
}

func newPattern(expression string, holds ...string) *pattern {
	p := &pattern{re: regexp.MustCompile(expression)}
	for _, s := range holds {
		p.holds = append(p.holds, []byte(s))
	}
	return p
}

// Match is regexp's, as the other two are.
func (p *pattern) Match(b []byte) bool { return p.may(b) && p.re.Match(b) }

func (p *pattern) Find(b []byte) []byte {
	if !p.may(b) {
		return nil
	}
	return p.re.Find(b)
}

func (p *pattern) FindSubmatch(b []byte) [][]byte {
	if !p.may(b) {
		return nil
	}
	return p.re.FindSubmatch(b)
}

func (p *pattern) may(b []byte) bool {
	return slices.ContainsFunc(p.holds, func(s []byte) bool { return bytes.Contains(b, s) })
}

// Content of well-known system files. Lines of /etc/group and /etc/passwd both begin "root:x:0:".
var systemContent = newPattern(`(?m)^root:[^:\r\n]{0,200}:0:(0:|$|[a-z])|^; for 16-bit (?i:app support)|^\[mci (?i:extensions)\]|^\[386(?i:enh)\]`,
	"root:", "; for 16-bit ", "[mci ", "[386")

// stackTraces are how languages print one.
var stackTraces = newPattern(`Traceback \(most recent call last\)|goroutine \d+ \[running\]|\n\s+at [\w$.<> ]+ \(?(?:file://|node:|/|[A-Z]:\\)[^\s)]+:\d+:\d+|&nbsp;at [\w$.&;]+ \(|`+
	`\n\s+at [\w$.]+\([\w]+\.java:\d+\)|[\w/.-]+\.rb:\d+:in [`+"`"+`']|#0 /[^\s(]+\(\d+\)|Stack trace:\s*\n?#0`,
	"Traceback (most recent call last)", "[running]", "\nat ", "\tat ", " at ", "\rat ", "&nbsp;at ", ".rb:", "#0 /", "Stack trace:")

// pathInError is an absolute path in one of the texts that runtimes write about a file that they could not open.
var pathInError = newPattern(`(?:No such file or directory|Permission denied|Is a directory|Not a directory)[^\n<]{0,20}['"](/[^'"\n]+)['"]|`+
	`open (/[^\n:]+): no such file|ENOENT[^\n]{0,60}'(/[^'\n]+)'|(?:readfile|include|fopen|file_get_contents|require)\((?:<a[^>]*>[^<]*</a>)?(/[^)\n]+)\)|`+
	` in (?:<b>)?(/[^\s<:]+\.php)(?:</b>)? on line|@ rb_sysopen - (/[^\n]+)`,
	"No such file or directory", "Permission denied", "Is a directory", "Not a directory", ": no such file", "ENOENT",
	"readfile(", "include(", "fopen(", "file_get_contents(", "require(", ".php", "@ rb_sysopen - ")

// maxMatched bounds what is matched with expressions, which are slow on large bodies: errors and system files are small.
const maxMatched = 64 << 10

func beginning(b []byte) []byte { return b[:min(len(b), maxMatched)] }
