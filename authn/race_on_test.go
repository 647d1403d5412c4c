//go:build race

package authn

// spill is what the race detector costs: with it a sync.Pool forgets at random.
const spill = 8
