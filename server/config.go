// Package server composes the stages of a request into `rootbound serve`: name, who, may, open, send, record.
package server

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/link"
)

// Mount is one base directory and where it is seen.
type Mount struct {
	// Name is the first element of the names beneath it; "" is the whole server. A mount hides an entry of the same
	// name in the base directory.
	Name string
	// Dir is the base directory. The server does not close it.
	Dir *rootbound.Dir
}

// App answers requests in place of the stages: the gate in front of an application.
type App interface {
	// Serve answers one request, whose target is none of the server's own pages, and says what became of it. Where the
	// outcome is request.Aborted the connection (or the stream) is cut, so that no client takes the answer for complete.
	// The body of r is held to the pace of Config.MinRate.
	// Before the first byte of an answer it says what was decided, refusal being nil where the answer is about to be sent;
	// an error is the refusal to give instead. It may note in f what the request led to.
	Serve(w http.ResponseWriter, r *http.Request, f *request.Facts, decided func(d request.Decision, refusal error) error) request.Outcome
}

// Recorder keeps who got or was refused what, as audit.Log does. It is told twice of each request, by whichever goroutine
// answers it, and only where Waits may it block.
type Recorder interface {
	request.Recorder
	// Waits says whether Decided may block before something is sent. It blocks before no refusal.
	Waits() bool
	// Gather returns what is told by one goroutine in the Recorder's place; nil where each record must be known at once.
	Gather() request.Gatherer
	// Stats are for the metrics.
	Stats() request.RecordStats
}

// Defaults of Config, and the limits that are not configured.
const (
	DefaultMaxConns      = 16384
	DefaultMinRate       = 1024             // bytes a second
	DefaultMinRateWindow = 60 * time.Second // over which MinRate is judged
	DefaultGrace         = 30 * time.Second
	DefaultCacheSize     = 64 << 20 // bytes
	DefaultCacheCheck    = time.Second
	DefaultGuessLimit    = 60 // names a minute

	readHeaderTimeout = 10 * time.Second // to send a request's header, and to finish a body nobody reads
	idleTimeout       = 2 * time.Minute  // between requests
	maxHeaderBytes    = 32 << 10         // request line and header fields
	cutTime           = 5 * time.Second  // for requests to end whose connections were cut
	maxAdminConns     = 128              // on the admin listener, beside MaxConns
)

// Config says what a server answers. Its zero value, with a mount and a listener, is the strictest useful setting.
type Config struct {
	// Mounts: at least one; names are single elements and distinct. With App they are only reported by health and
	// metrics.
	Mounts []Mount
	// App, where set, answers everything but the server's own pages. It decides who may read: no address is refused,
	// no Host, and no proxy.
	App App
	// Listeners that are open already (a socket bound before privileges were dropped, or given by systemd): TCP or
	// Unix sockets, at least one. What is loopback is decided from their own addresses. A Unix socket counts as
	// loopback; ListenUnix makes one that only its owner may use. Serve closes them.
	Listeners []net.Listener
	// AdminListener serves /-/ in plain HTTP where the main listeners are not all on loopback; nil: only bare health
	// pages. Serve closes it.
	AdminListener net.Listener
	// Public says that everybody may read. Without it and Authn, only loopback and Unix sockets are served.
	Public bool
	// Authn says who asks; nil: nobody is asked. With App it is not used: the application decides.
	Authn *authn.Authenticator
	// Sessions are those of browsers that signed in on /-/login; nil: there is no such page. They are one of Authn's methods too.
	Sessions *authn.Sessions
	// Authz says who may have what; nil: whoever is let in may read and list everything. With App it is not used.
	Authz *authz.Authorizer
	// Links are the keys of signed links; nil: there are none. Without Authn, Authz and Public a link is then the only way in.
	Links *link.Keys
	// OIDC has browsers sign in at a provider, on the pages /-/oidc/start and /-/oidc/callback; nil: there is none. It needs Sessions.
	OIDC *authn.OIDC
	// NoPasswords, where OIDC is set, says whether nobody has a password here: the page for signing in then has no form. Nil: somebody
	// may.
	NoPasswords func() bool
	// ClientCAs have clients asked for a certificate, and say which hold; nil: none is asked for. It needs Certificates.
	ClientCAs *ClientCAs
	// ProxyCertificate says whether a certificate that holds is that of a trusted proxy; nil: none is.
	ProxyCertificate func(*x509.Certificate) bool
	// ProxyUserHeader and ProxyGroupsHeader are the fields in which a trusted proxy says who asks; "" is none. From anybody else
	// they are refused, whatever the name. They leave HTTP/1.1 to net/http too.
	ProxyUserHeader, ProxyGroupsHeader string
	// GuessLimit is how many different names that do not exist a client may ask for in a minute without a credential: half of
	// them have it slowed, all of them have it refused whatever it asks. Default DefaultGuessLimit, and then not for clients on
	// loopback; less than 0 is no limit. A client is an IPv4 address or an IPv6 network of 64 bits. With App it is not used.
	GuessLimit int
	// LinkRegister knows which links were taken back and used up; nil: there is no state, and links that ask for a password,
	// or are counted, do not hold. The server does not run it.
	LinkRegister *link.Register
	// BaseURL is what clients reach the server by, such as "https://files.example"; "" is whatever address they asked. Links
	// are made from it.
	BaseURL string
	// Listing shows directories.
	Listing bool
	// Hide leaves matching names out of listings; they are served all the same.
	Hide []name.Glob
	// DownloadRoute is a path such as "/download" that takes the name from ?file=NAME; "" is none.
	DownloadRoute string
	// Site serves a website: index.html for directories, 404.html for what is missing, and no sandbox policy.
	Site bool
	// Precompressed sends .br, .zst and .gz siblings to clients that accept them.
	Precompressed bool
	// MaxAge is how long caches may keep a file; 0 is "no-cache".
	MaxAge time.Duration
	// CrossOrigin lets other origins embed the files.
	CrossOrigin bool
	// Certificates, where set, makes the listeners speak TLS, with HTTP/2.
	Certificates *Certificates
	// Hosts are further host names, without port, that loopback answers for (against DNS rebinding), beside its
	// address and localhost.
	Hosts []string
	// TrustedProxies are the peers whose Forwarded and X-Forwarded-For are believed. The peer of a Unix socket counts
	// as 127.0.0.1.
	TrustedProxies []netip.Prefix
	// MaxConns bounds the connections open at once; default DefaultMaxConns.
	MaxConns int
	// MinRate, in bytes a second over MinRateWindow, is the progress a client must make while an answer waits for it;
	// defaults DefaultMinRate and DefaultMinRateWindow.
	MinRate       int64
	MinRateWindow time.Duration
	// Grace is how long running downloads may take after Shutdown; default DefaultGrace.
	Grace time.Duration
	// CacheSize, in bytes, bounds what is kept in memory of files that are asked for; default DefaultCacheSize, and
	// less than 0 keeps nothing. CacheCheck is how long that is believed before the file is opened again; default
	// DefaultCacheCheck.
	CacheSize  int64
	CacheCheck time.Duration
	// NoFastLane leaves HTTP/1.1 to net/http too, as on systems other than Linux.
	NoFastLane bool
	// Profiles shows those of the process under /-/debug/pprof/, where /-/metrics is shown.
	Profiles bool
	// Enforced says of each part of a sandbox whether the kernel holds the process to it; health and metrics tell. Nil: there
	// is none.
	Enforced map[string]bool
	// Log is for the operator; default slog.Default(). Access is one line a request; nil is none.
	// AccessJSON takes the lines of Access, in its place and as slog.JSONHandler writes them, at a small part of the cost.
	// Each Write is of one or more whole lines; they may come from several goroutines at once.
	Log        *slog.Logger
	Access     *slog.Logger
	AccessJSON io.Writer
	// Recorder keeps the record; nil: there is none. The server does not close it.
	Recorder Recorder
	// Version is shown by /-/healthz on loopback and on the admin address.
	Version string
}

// withDefaults checks the configuration and fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	if c.MaxConns < 0 || c.MinRate < 0 || c.MinRateWindow < 0 || c.Grace < 0 || c.MaxAge < 0 || c.CacheCheck < 0 {
		return c, errors.New("server: MaxConns, MinRate, MinRateWindow, Grace, MaxAge and CacheCheck must not be negative")
	}
	setDefault(&c.MaxConns, DefaultMaxConns)
	setDefault(&c.MinRate, DefaultMinRate)
	setDefault(&c.MinRateWindow, DefaultMinRateWindow)
	setDefault(&c.Grace, DefaultGrace)
	setDefault(&c.CacheSize, DefaultCacheSize)
	setDefault(&c.CacheCheck, DefaultCacheCheck)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Access == nil {
		c.Access = slog.New(slog.DiscardHandler)
	}
	if c.Recorder == nil {
		c.Recorder = noRecord{}
	}
	if c.OIDC != nil && c.Sessions == nil {
		return c, errors.New("server: who signs in elsewhere needs sessions")
	}
	if c.ClientCAs != nil && c.Certificates == nil {
		return c, errors.New("server: clients show certificates over TLS alone: it needs a certificate of its own")
	}
	if c.ProxyUserHeader != "" {
		if len(c.TrustedProxies) == 0 && c.ProxyCertificate == nil {
			return c, errors.New("server: a header that says who asks needs a trusted proxy that writes it")
		}
		c.NoFastLane = true
	}
	if err := checkDownloadRoute(c.DownloadRoute); err != nil {
		return c, err
	}
	return c, c.checkHosts()
}

func setDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// checkDownloadRoute wants a path that every client sends as it stands: it is compared with the raw target.
func checkDownloadRoute(route string) error {
	if route == "" || name.IsRoute(route) {
		return nil
	}
	return fmt.Errorf("server: the download route %q must be a path such as /download: letters, digits, '.', '_' and '-', and not below %s", route, ownPrefix)
}

func (c *Config) checkHosts() error {
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/@# ") || (strings.Contains(h, ":") && !strings.HasPrefix(h, "[")) {
			return fmt.Errorf("server: the host name %q must be a name without scheme, port and path", h)
		}
	}
	return nil
}
