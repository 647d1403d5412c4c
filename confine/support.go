package confine

// Support is what the running kernel enforces for this process, found out by trying. The zero value enforces nothing.
type Support struct {
	// ABI is the number that Landlock gives itself, 0 without Landlock. It is for people: nothing is decided by it.
	ABI int
	// FS, Net and Scope are the rights that a ruleset may handle, in the bits of landlock(7).
	FS, Net, Scope uint64

	NoNewPrivs bool // prctl(PR_SET_NO_NEW_PRIVS)
	Seccomp    bool // a filter answers in place of a system call, and this program can write one for the processor
	Notify     bool // a filter can ask another process: seccomp_unotify(2)
	Namespaces bool // this user can make a user namespace and mount in it

	// Why holds, for what is missing, what the kernel said. The keys are "landlock", "seccomp", "notify" and "namespaces".
	Why map[string]string
}

// Bits of landlock(7), which package unix has for Linux alone.
const (
	fsExecute     = 1 << 0
	fsWriteFile   = 1 << 1
	fsReadFile    = 1 << 2
	fsReadDir     = 1 << 3
	fsRemoveDir   = 1 << 4
	fsRemoveFile  = 1 << 5
	fsMakeChar    = 1 << 6
	fsMakeDir     = 1 << 7
	fsMakeReg     = 1 << 8
	fsMakeSock    = 1 << 9
	fsMakeFifo    = 1 << 10
	fsMakeBlock   = 1 << 11
	fsMakeSym     = 1 << 12
	fsRefer       = 1 << 13
	fsTruncate    = 1 << 14
	fsIoctlDev    = 1 << 15
	fsResolveUnix = 1 << 16
	fsLast        = fsResolveUnix

	// fsFirst are the rights of the first Landlock: without them there is no confinement of files at all.
	fsFirst = fsRefer - 1

	netBindTCP    = 1 << 0
	netConnectTCP = 1 << 1
	netBindUDP    = 1 << 2
	netConnectUDP = 1 << 3
	netLast       = netConnectUDP
	scopeAbstract = 1 << 0
	scopeSignal   = 1 << 1
	scopeLast     = scopeSignal
	netTCP        = netBindTCP | netConnectTCP
	netUDP        = netBindUDP | netConnectUDP
)

// Files says whether reading, writing, listing, making, removing and executing are enforced.
func (s Support) Files() bool { return s.FS&fsFirst == fsFirst }

// Refer says whether files may be moved and linked between directories where both allow it; else that is always refused.
func (s Support) Refer() bool { return s.FS&fsRefer != 0 }

// Truncate says whether shortening a file counts as writing to it.
func (s Support) Truncate() bool { return s.FS&fsTruncate != 0 }

// Devices says whether ioctl(2) on devices is enforced.
func (s Support) Devices() bool { return s.FS&fsIoctlDev != 0 }

// UnixSockets says whether connecting to sockets that are files (such as docker.sock) is enforced.
func (s Support) UnixSockets() bool { return s.FS&fsResolveUnix != 0 }

// TCP says whether the ports of bind(2) and connect(2) are enforced for TCP. Multipath TCP is none.
func (s Support) TCP() bool { return s.Net&netTCP == netTCP }

// UDP says the same for UDP.
func (s Support) UDP() bool { return s.Net&netUDP == netUDP }

// AbstractSockets says whether abstract Unix sockets of processes outside are out of reach.
func (s Support) AbstractSockets() bool { return s.Scope&scopeAbstract != 0 }

// Signals says whether processes outside cannot be sent signals.
func (s Support) Signals() bool { return s.Scope&scopeSignal != 0 }
