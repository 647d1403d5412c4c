package main

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const good = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"note: 3 swaps\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    x_test.go:9: note: 4 leaks\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"a note: no\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok p (cached)\n"}
{"Action":"pass","Package":"p","Elapsed":1.25}
{"Action":"skip","Package":"q"}
`
	for _, tt := range []struct {
		name, in, want string
		ok             bool
	}{
		{"good", good, "    3 swaps\n    4 leaks\nok\tp\t(cached)\n", true},
		{"nothing", "", "", false},
		{"a failed test", `{"Action":"output","Package":"p","Test":"TestA","Output":"x.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Elapsed":2}
{"Action":"pass","Package":"q","Elapsed":2}
`, "x.go:1: wrong\nFAIL\tp\t2.0s\nok\tq\t2.0s\n", false},
		{"a panic", `{"Action":"output","Package":"p","Output":"panic: x\n"}
{"Action":"fail","Package":"p","Elapsed":0}
`, "panic: x\nFAIL\tp\t0.0s\n", false},
		{"a build that fails", `{"ImportPath":"p","Action":"build-output","Output":"x.go:1: no\n"}
{"ImportPath":"p","Action":"build-fail"}
`, "x.go:1: no\n", false},
		{"no JSON", "go: cannot find main module\n" + good, "go: cannot find main module\n    3 swaps\n    4 leaks\nok\tp\t(cached)\n", true},
	} {
		var b strings.Builder
		ok, err := read(strings.NewReader(tt.in), &b)
		if err != nil || ok != tt.ok || b.String() != tt.want {
			t.Errorf("%s: %v, %v\n%s\nwant\n%s", tt.name, ok, err, b.String(), tt.want)
		}
	}
}
