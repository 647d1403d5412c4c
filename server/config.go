// Package server composes the stages of a request into `rootbound serve`: name, who, may, open, send, record.
package server

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
)

// Mount is one base directory and where it is seen.
type Mount struct {
	// Name is the first element of the names beneath it; "" is the whole server.
	Name string
	// Dir is the base directory. The server does not close it.
	Dir *rootbound.Dir
}

// Config says what a server answers. Its zero value, with a mount, is the strictest useful setting.
type Config struct {
	// Mounts: at least one; names are single elements and distinct.
	Mounts []Mount
	// Listeners that are open already (a socket bound before privileges were dropped, or given by systemd).
	// Everything else about addresses is decided from their real addresses.
	Listeners []net.Listener
	// AdminListener serves /-/ where the main listeners are not all on loopback; nil: only bare health pages.
	AdminListener net.Listener
	// Public says that everybody may read. Without it, and until somebody can authenticate, only loopback and
	// Unix sockets are served.
	Public bool
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
	// Certificates, where set, makes the listeners speak TLS.
	Certificates *Certificates
	// Hosts are further host names that loopback answers for (against DNS rebinding), beside its address and localhost.
	Hosts []string
	// TrustedProxies are the peers whose Forwarded and X-Forwarded-* are believed.
	TrustedProxies []netip.Prefix
	// MaxConns bounds the connections open at once; default 16384.
	MaxConns int
	// MinRate, in bytes a second over MinRateWindow, is the progress a client must make; defaults 1024 and 60 s.
	MinRate       int64
	MinRateWindow time.Duration
	// Grace is how long running downloads may take after Shutdown; default 30 s.
	Grace time.Duration
	// Log is for the operator; default slog.Default(). Access is one line a request; nil is none.
	Log    *slog.Logger
	Access *slog.Logger
	// Version is shown by /-/healthz on loopback and on the admin address.
	Version string
}
