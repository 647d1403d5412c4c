//go:build !unix

package tree

import (
	"fmt"
	"runtime"
)

var errKind = fmt.Errorf("%s has no such kind of file", runtime.GOOS)

func makeFIFO(string) error   { return errKind }
func makeSocket(string) error { return errKind }
func makeDevice(string) error { return errKind }
