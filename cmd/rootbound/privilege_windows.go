package main

// identity is who the process becomes; on Windows services are given their user by the system.
type identity struct {
	name     string
	uid, gid int
}

func lookupIdentity(name string) (*identity, error) { return knownIdentity(name) }

func knownIdentity(name string) (*identity, error) {
	return nil, usage("--user "+name, "a process cannot become another user on this system", "Start it as that user")
}

func (id *identity) become() error { return nil }

// isRoot is about uid 0, which Windows does not have.
func isRoot() bool { return false }
