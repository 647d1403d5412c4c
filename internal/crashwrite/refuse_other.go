//go:build !linux

package main

import "errors"

func refuseCalls([]string) error { return errors.ErrUnsupported }
