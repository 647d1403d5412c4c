//go:build !race

package authn

const spill = 0
