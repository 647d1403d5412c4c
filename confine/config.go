package confine

import (
	"fmt"
	"strings"
)

// Net is which sockets a command may make.
type Net int

// From the narrowest to the widest. Whatever is chosen, the ports of TCP are those of Config.Bind and Config.Connect, and
// sockets that would go around them (Multipath TCP, SCTP, DCCP, SMC, RDS, io_uring, Fast Open) are refused.
const (
	// NetNone leaves no socket but pairs of Unix sockets, which lead nowhere else.
	NetNone Net = iota
	// NetTCP is TCP over IPv4 and IPv6, and pairs of Unix sockets. No UDP, and so no DNS but over TCP.
	NetTCP
	// NetAll is everything else too: UDP, Unix sockets with a name, netlink.
	NetAll
)

var netWords = []string{"none", "tcp", "all"}

func (n Net) String() string { return netWords[n] }

// ParseNet understands "none", "tcp" and "all".
func ParseNet(word string) (Net, error) {
	for i, w := range netWords {
		if w == word {
			return Net(i), nil
		}
	}
	return 0, &RuleError{fmt.Sprintf("--net %q", word), "it is not one of " + strings.Join(netWords, ", "), "Name one of these"}
}

// Config is what a command may do. The zero value with a Command allows what it takes to start that program, and nothing
// else.
type Config struct {
	// Command is the program, found on PATH as a shell would find it, and its arguments.
	Command []string

	// Read holds files and directories whose content may be read and listed. A directory is everything beneath it.
	Read []string
	// Write holds those that may also be written, made, renamed and removed. What is written cannot be executed.
	Write []string
	// Exec holds those that may be read and executed. The program of the command, its interpreter and its loader are
	// among them unasked.
	Exec []string
	// Bind and Connect are TCP ports. Port 0 of Bind is whichever the kernel picks.
	Bind, Connect []uint16
	// Sockets are Unix sockets, by path, that may be connected to. Only a kernel with Support.UnixSockets refuses others.
	Sockets []string
	// Presets are names of Presets: what an interpreter needs besides the application.
	Presets []string
	Net     Net
	// Hide gives the command a file tree in which nothing exists but what the rules name.
	Hide bool
	// BestEffort starts the command also where the kernel lacks something. Plan.Missing says what.
	BestEffort bool
}

// Access is what may be done with a path.
type Access uint8

// An Access is a set of these.
const (
	Read Access = 1 << iota
	Execute
	Write
	Connect
	Remove // files in a directory, not reading or listing it
)

var accessWords = []string{"read", "execute", "write", "connect", "remove"}

// Words are the rights by name.
func (a Access) Words() (words []string) {
	for i, w := range accessWords {
		if a&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

// Rule allows something about one path and, where that is a directory, about everything beneath it.
type Rule struct {
	Path   string // absolute, as it was named
	Real   string // with its links resolved, as they were when the plan was made
	Access Access
	Why    string // which flag or preset asked for it

	dir, device bool
}

// rights are those of the rule in the bits of landlock(7).
func (r Rule) rights() (bits uint64) {
	if r.Access&(Read|Execute|Write) != 0 {
		bits |= fsReadFile
	}
	if r.Access&Execute != 0 {
		bits |= fsExecute
	}
	if r.Access&Write != 0 {
		bits |= fsWriteFile | fsTruncate
	}
	if r.Access&Connect != 0 {
		bits |= fsResolveUnix
	}
	if !r.dir {
		return bits
	}
	if r.Access&Remove != 0 {
		bits |= fsRemoveFile
	}
	if r.Access&(Read|Execute|Write) != 0 {
		bits |= fsReadDir
	}
	if r.Access&Write != 0 {
		bits |= fsRemoveDir | fsRemoveFile | fsMakeDir | fsMakeReg | fsMakeSock | fsMakeFifo | fsMakeSym | fsRefer
	}
	return bits
}

// Plan is a Config that was understood: every path resolved, every preset looked up.
type Plan struct {
	Command string   // path of the program; empty where Config has none
	Args    []string // its arguments, the first is its name
	Rules   []Rule   // sorted by path
	Bind    []uint16
	Connect []uint16
	Net     Net
	Hide    bool
	Support Support

	bestEffort bool
	dir        string // working directory
}

// Presets are the names that Config.Presets may hold.
var Presets = []string{"python", "ruby", "php", "node"}

// broad are directories that hold something of everybody's: no rule is made for one of them, nor proposed, unless it was
// asked for by name.
var broad = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys",
	"/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/sbin", "/usr/share", "/var", "/var/lib",
	"/var/log", "/var/run", "/var/tmp", "/var/www",
}
