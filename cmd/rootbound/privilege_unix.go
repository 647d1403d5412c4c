//go:build unix

package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// identity is who the process becomes.
type identity struct {
	name     string
	uid, gid int
	groups   []int
}

// lookupIdentity finds a user that this process can become.
func lookupIdentity(name string) (*identity, error) {
	id, err := knownIdentity(name)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 && os.Geteuid() != id.uid {
		return nil, usage("--user "+strconv.Quote(name), fmt.Sprintf("only root can become another user, and this is the user with id %d", os.Geteuid()), "Leave --user out, or start as root")
	}
	return id, nil
}

// knownIdentity finds a user whose rights are less than root's.
func knownIdentity(name string) (*identity, error) {
	what := "--user " + strconv.Quote(name)
	id, err := findIdentity(name)
	if err != nil {
		return nil, usage(what, "there is no such user", "Create it, for instance with 'useradd --system "+name+"', or name another")
	}
	if id.uid == 0 {
		return nil, usage(what, "that is root", "Name a user who has no rights but to read the files")
	}
	return id, nil
}

// findIdentity looks a name or number up. A number needs no entry anywhere: a container may have no passwd file.
func findIdentity(name string) (*identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		uid, errNumber := strconv.Atoi(name)
		if errNumber != nil || uid < 0 {
			return nil, err
		}
		if u, err = user.LookupId(name); err != nil {
			return &identity{name: name, uid: uid, gid: uid, groups: []int{}}, nil
		}
	}
	id := &identity{name: name}
	if id.uid, err = strconv.Atoi(u.Uid); err != nil {
		return nil, err
	}
	if id.gid, err = strconv.Atoi(u.Gid); err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, text := range ids {
		g, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		id.groups = append(id.groups, g)
	}
	return id, nil
}

// become gives up everything that the user does not have, for all threads, and for good: that is tried out.
func (id *identity) become() error {
	if os.Geteuid() != 0 {
		return nil // lookupIdentity has seen to it that it is the same user
	}
	what := "--user " + strconv.Quote(id.name)
	// In this order: after setuid nothing of it would be allowed (setuid(2)).
	if err := syscall.Setgroups(id.groups); err != nil {
		return usage(what, "its groups cannot be taken: "+err.Error(), "Start with the capabilities CAP_SETUID and CAP_SETGID")
	}
	if err := syscall.Setgid(id.gid); err != nil {
		return usage(what, "its group cannot be taken: "+err.Error(), "Start with the capabilities CAP_SETUID and CAP_SETGID")
	}
	if err := syscall.Setuid(id.uid); err != nil {
		return usage(what, "its user id cannot be taken: "+err.Error(), "Start with the capabilities CAP_SETUID and CAP_SETGID")
	}
	if syscall.Setuid(0) == nil || syscall.Setreuid(-1, 0) == nil || os.Getuid() != id.uid || os.Geteuid() != id.uid || os.Getgid() != id.gid || os.Getegid() != id.gid {
		return usage(what, "root's rights can be had again after they were dropped", "Do not serve on this system")
	}
	return nil
}

// isRoot says whether the process has root's rights.
func isRoot() bool { return os.Geteuid() == 0 }
