//go:build !linux

package testenv

func canBeAlone() bool { return false }

// ownNetwork is never called: canBeAlone is false.
func ownNetwork() error { return nil }
