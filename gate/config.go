// Package gate stands in front of an application that already exists. The application decides who may have which
// file and names it in a header (X-Sendfile, X-Accel-Redirect); the gate opens that file beneath a base directory, by
// the library's one confined open, and sends it by the library's one HTTP plan. Routes that an application serves
// badly can be taken over whole.
package gate

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
)

// Defaults and limits.
const (
	// DefaultTimeout is how long an application may take to begin its answer.
	DefaultTimeout = 60 * time.Second

	dialTimeout     = 10 * time.Second
	expectTimeout   = time.Second // for "100 Continue", which many applications do not know; curl's, too (RFC 9110 10.1.1)
	maxHeaderBytes  = 64 << 10    // of an application's answer
	maxIdlePerHost  = 256         // connections to an application that are kept
	idleTimeout     = 90 * time.Second
	maxKeptRefusal  = 64 << 10 // body of a 412 or 416 that may yet be passed on, and of an --ask's 401 and 403
	copyBufferBytes = 32 << 10
)

// Config says what a gate stands in front of.
type Config struct {
	// Upstreams: at least one. A request goes to the one with the longest At.
	Upstreams []Upstream
	// TrustedProxies are peers whose Forwarded and X-Forwarded-* are passed on; those of others are dropped.
	TrustedProxies []netip.Prefix
	// CrossOrigin and Site are those of rootbound.SendOptions, for files whose application says nothing about it.
	CrossOrigin bool
	Site        bool
	// Watch only logs and counts what take-over rules and UniformErrors would do. A file that is named and not to be
	// had is refused all the same.
	Watch bool
	// Log is for the operator; default slog.Default().
	Log *slog.Logger
}

// Upstream is one application.
type Upstream struct {
	// URL is http://HOST:PORT, https://HOST:PORT or unix:PATH.
	URL string
	// At is the path beneath which requests are this application's, by whole elements; "" or "/" is all.
	At string
	// Roots are the directories that its X-Sendfile may name files in; none: such a header is refused.
	Roots []Root
	// Accel are the prefixes that its X-Accel-Redirect may begin with; none: such a header is refused.
	Accel []Accel
	// Take are the routes that the gate answers from the first of Roots, for instance
	// "GET /download?file={name}" or "GET /files/{name}".
	Take []string
	// Ask is a path of the application that answers 2xx to who may have what Take names; "" asks nobody.
	Ask string
	// UniformErrors are paths where an answer of 400 or more becomes the one 404.
	UniformErrors []string
	// Announce tells the application of the feature in each request: "X-Sendfile" or "X-Accel-Redirect"; "" does not.
	Announce string
	// Encoded says that X-Sendfile is percent-encoded. X-Accel-Redirect always is (it is a URI).
	Encoded bool
	// Temporary honours X-Sendfile-Temporary; without it such a header is refused.
	Temporary bool
	// Timeout is how long the application may take to begin its answer; default DefaultTimeout.
	Timeout time.Duration
}

// Root is a directory, under the paths by which an application may call it.
type Root struct {
	// Paths are absolute: as the application sees the directory.
	Paths []string
	// Dir is opened for writing where X-Sendfile-Temporary is to be honoured. The gate does not close it.
	Dir *rootbound.Dir
}

// Accel is an internal location (nginx's term): a prefix, and the directory behind it.
type Accel struct {
	// Prefix is a path such as "/protected/".
	Prefix string
	// Paths are those by which the application calls the directory, for X-Accel-Mapping; none where that is not
	// announced.
	Paths []string
	Dir   *rootbound.Dir
}

// Values of Announce.
const (
	AnnounceSendfile = "X-Sendfile"
	AnnounceAccel    = "X-Accel-Redirect"
)

// parseURL understands an upstream's address.
func parseURL(text string) (u *url.URL, socket string, err error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return nil, "", errors.New("the socket has no path: write unix:PATH")
		}
		return &url.URL{Scheme: "http", Host: "upstream"}, path, nil
	}
	u, err = url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, "", errors.New("it is not http://HOST:PORT, https://HOST:PORT or unix:PATH")
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || n == 0) {
		return nil, "", errors.New("it has no port from 1 to 65535")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, "", errors.New("it has more than a scheme, a host and a port: requests are passed on under their own paths")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, "", nil
}

// CheckURL says whether an upstream's address can be used.
func CheckURL(text string) error {
	_, _, err := parseURL(text)
	return err
}

// elementsOf splits an absolute path into its elements; ok is false for whatever is not one plain path.
func elementsOf(path string) (elems []string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, false
	}
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" {
		return nil, true
	}
	if name.Local(rest) != nil {
		return nil, false
	}
	return strings.Split(rest, "/"), true
}

// beneath says whether elems begin with prefix, and what is left.
func beneath(elems, prefix []string) (rest []string, ok bool) {
	if len(elems) < len(prefix) || !slices.Equal(elems[:len(prefix)], prefix) {
		return nil, false
	}
	return elems[len(prefix):], true
}

// CheckPrefixes refuses paths of which one is beneath another: it would not be seen which of them counts.
func CheckPrefixes(paths []string) error {
	for i, a := range paths {
		as, ok := elementsOf(a)
		if !ok {
			return fmt.Errorf("%q is not an absolute path without empty, '.' and '..' elements", a)
		}
		for _, b := range paths[:i] {
			bs, _ := elementsOf(b)
			_, down := beneath(as, bs)
			_, up := beneath(bs, as)
			if down || up {
				return fmt.Errorf("%q and %q overlap", b, a)
			}
		}
	}
	return nil
}
