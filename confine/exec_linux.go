package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Exec confines this process and becomes the command: on success it does not return, and the command has our process
// number, our descriptors and our parent. Only with Hide for a user without CAP_SYS_ADMIN is the command a child, to
// which signals are passed on; its exit status is returned. Exec is to be called once. When it returns an error the
// thread it ran on may be confined already.
func (p *Plan) Exec() (status int, err error) {
	if p.Command == "" {
		return 0, &RuleError{"confine", "no command was named", "Add it after --"}
	}
	if missing := p.Missing(); len(missing) > 0 && !p.bestEffort {
		return 0, &RuleError{"this kernel", strings.Join(missing, "; ") + p.reasons(), "Use another kernel, or --sandbox auto to do without"}
	}
	hide := p.Hide && p.Support.Namespaces
	if hide && !canMount() {
		return p.inNamespace()
	}
	runtime.LockOSThread() // for good: what follows is of this thread alone, until execve(2) leaves no other
	if hide {
		if err := p.hide(); err != nil {
			return 0, err
		}
	}
	if err := p.confine(); err != nil {
		return 0, err
	}
	err = unix.Exec(p.Command, p.Args, os.Environ())
	return 0, fmt.Errorf("confine: %s cannot be executed: %w", quotePath(p.Command), err)
}

// reasons are what the kernel said to what is missing.
func (p *Plan) reasons() (out string) {
	for _, what := range []string{"landlock", "seccomp", "namespaces"} {
		if why := p.Support.Why[what]; why != "" && (what != "namespaces" || p.Hide) {
			out += fmt.Sprintf(" (%s: %s)", what, why)
		}
	}
	return out
}

// confine restricts the calling thread, which must be locked. The order matters: dropping capabilities needs one, and
// the filter comes last.
func (p *Plan) confine() error {
	if err := noNewPrivs(); err != nil && !p.bestEffort {
		return fmt.Errorf("confine: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("confine: capabilities: %w", err)
	}
	if err := p.landlock(); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if !p.Support.Seccomp {
		return nil
	}
	filter, err := socketFilter(p.Net)
	if err == nil {
		_, err = setFilter(filter, 0)
	}
	if err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	return nil
}

// landlock enforces the rules on the calling thread, which must be locked.
func (p *Plan) landlock() error {
	attr := ll.RulesetAttr{}
	attr.HandledAccessFS, attr.HandledAccessNet, attr.Scoped = p.handled()
	return p.enforce(attr, func(ruleset int) error { return ll.LandlockRestrictSelf(ruleset, 0) })
}

// enforce makes a ruleset of the rules and has restrict put it on.
func (p *Plan) enforce(attr ll.RulesetAttr, restrict func(ruleset int) error) (err error) {
	if attr == (ll.RulesetAttr{}) {
		return nil
	}
	fd, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return fmt.Errorf("landlock_create_ruleset: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	for _, r := range p.Rules {
		if err := addPath(fd, r, attr.HandledAccessFS); err != nil {
			return err
		}
	}
	for ports, right := range map[*[]uint16]uint64{&p.Bind: netBindTCP, &p.Connect: netConnectTCP} {
		for _, port := range *ports {
			if attr.HandledAccessNet&right == 0 {
				continue
			}
			if err := ll.LandlockAddNetPortRule(fd, &ll.NetPortAttr{AllowedAccess: right, Port: uint64(port)}, 0); err != nil {
				return fmt.Errorf("landlock_add_rule: port %d: %w", port, err)
			}
		}
	}
	if err := restrict(fd); err != nil {
		return fmt.Errorf("landlock_restrict_self: %w", err)
	}
	return nil
}

func addPath(ruleset int, r Rule, handled uint64) (err error) {
	rights := r.rights() & handled
	if rights == 0 {
		return nil
	}
	fd, err := unix.Open(r.Real, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", quotePath(r.Real), err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", quotePath(r.Real), err)
	}
	if isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; isDir != r.dir {
		return fmt.Errorf("%s was replaced while we started", quotePath(r.Real))
	}
	if err := ll.LandlockAddPathBeneathRule(ruleset, &ll.PathBeneathAttr{AllowedAccess: rights, ParentFd: fd}, 0); err != nil {
		return fmt.Errorf("landlock_add_rule: %s: %w", quotePath(r.Real), err)
	}
	return nil
}
