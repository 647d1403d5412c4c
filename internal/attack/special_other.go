//go:build !unix

package attack

// plantSpecial makes nothing: these systems keep FIFOs and sockets out of directories.
func plantSpecial(string) ([]Link, error) { return nil, nil }
