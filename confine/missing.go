package confine

import "slices"

// demand is one thing that a plan needs of the kernel, and what it means where it is not there.
type demand struct {
	name    string // for people and for JSON
	has     bool
	needed  bool // by this plan: without it, only BestEffort starts
	missing string
}

func (p *Plan) demands() []demand {
	s := p.Support
	return []demand{
		{"files", s.Files(), true, "no rule about files is enforced: everything the user can read or write stays open"},
		{"truncate", s.Truncate(), true, "files that may not be written can be truncated"},
		{"devices", s.Devices(), true, "ioctl(2) on devices is not restricted"},
		{"tcp", s.TCP(), p.Net != NetNone, "the ports of TCP are not restricted"},
		{"abstract-sockets", s.AbstractSockets(), p.Net == NetAll, "abstract Unix sockets of other processes can be connected to"},
		{"signals", s.Signals(), true, "other processes of the user can be sent signals"},
		{"no-new-privileges", s.NoNewPrivs, true, "set-id programs gain privileges"},
		{"sockets", s.Seccomp, true, "any kind of socket can be made, among them those that rules for TCP do not cover"},
		{"namespaces", s.Namespaces, p.Hide, "files without a rule are not hidden"},
	}
}

// Missing says what the plan asks for and this kernel does not enforce, a sentence each. Where it is not empty only a plan
// with BestEffort starts.
func (p *Plan) Missing() (out []string) {
	for _, d := range p.demands() {
		if d.needed && !d.has {
			out = append(out, d.missing)
		}
	}
	return out
}

// StaysOpen says what the command can do besides its rules, as far as that is known, a sentence each.
func (p *Plan) StaysOpen() []string {
	out := p.Missing()
	if !p.Hide {
		out = append(out,
			"that a file exists, and its size, owner and times: stat(2) asks no rule (--hide closes this)",
			"mode, owner, times and attributes of files that the user owns: chmod(2) and its kin ask no rule (--hide closes this for files without one)")
	}
	if p.Net == NetAll {
		out = append(out, "UDP, in both directions (--net tcp or none closes this)")
		if !p.Support.UnixSockets() {
			out = append(out, "Unix sockets that are files, such as /var/run/docker.sock or a database's (--net tcp or none closes this, and --hide for those without a rule)")
		}
		out = append(out, "netlink and other rare families of sockets (--net tcp or none closes this)")
	}
	if p.Net != NetNone {
		out = append(out, "listening on a port that the kernel picks: listen(2) without bind(2) asks no rule (--net none closes this)")
	}
	return append(out,
		"descriptors that are open when the command starts, such as standard input and sockets of systemd",
		"memory, processor time and disk space; System V IPC and the user's keyring")
}

// handled are the rights that the ruleset takes away where no rule gives them.
func (p *Plan) handled() (fs, net, scope uint64) {
	s := p.Support
	if !s.Files() {
		return 0, 0, 0
	}
	return s.FS, s.Net & netTCP, s.Scope
}

func sortRules(rules []Rule) []Rule {
	slices.SortStableFunc(rules, func(a, b Rule) int {
		switch {
		case a.Path < b.Path:
			return -1
		case a.Path > b.Path:
			return 1
		}
		return 0
	})
	return rules
}
