package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
)

// Address is where to listen.
type Address struct {
	// Network is "tcp" or "unix".
	Network string
	// Text is HOST:PORT or a path.
	Text string
}

func (a Address) String() string {
	if a.Network == "unix" {
		return "unix:" + a.Text
	}
	return a.Text
}

// Settings is Serve with every value understood and every default filled in.
type Settings struct {
	FederationSettings
	// Base is what each base directory is opened with.
	Base rootbound.Config
	// NamePolicy is the name of Base.Names, for the log.
	NamePolicy string
	// Listen is empty where nothing was said.
	Listen         []Address
	Admin          *Address
	Public         bool
	Users          string // a file; "" is none
	Groups         string // likewise
	Policies       string // likewise
	LinkKeys       string // likewise
	LinksWhenStale string
	Login          bool
	BaseURL        string // such as "https://files.example"; "" is whatever is asked
	Hosts          []string
	TrustedProxies []netip.Prefix
	// Listing is nil where nothing was said: it then depends on the addresses.
	Listing       *bool
	Hide          []name.Glob
	Site          bool
	DownloadRoute string
	Precompressed bool
	MaxAge        time.Duration
	CrossOrigin   bool
	// CacheSize is in bytes; less than 0 for nothing.
	CacheSize       int64
	CacheCheck      time.Duration
	NoFastLane      bool
	Profiles        bool
	TLSCert, TLSKey string
	MaxConns        int
	MinRate         int64
	Grace           time.Duration
	AccessLog       bool
	LogFormat       string
	User            string
	Sandbox         string // auto, require or off
	Inspect         bool
}

// Defaults of what Serve leaves out.
const (
	DefaultListen   = "127.0.0.1:8080"
	DefaultMaxConns = 16384
	DefaultMinRate  = 1024
	DefaultGrace    = 30 * time.Second
	DefaultCache    = 64 << 20 // bytes
	DefaultCheck    = time.Second
)

// Settings understands every value. The keys of the problems are those of a file, "serve.listen".
func (s *Serve) Settings() (*Settings, []Problem) { return s.settings("serve") }

func (s *Serve) settings(table string) (*Settings, []Problem) {
	c := checker{table: table}
	out := &Settings{
		Public: isTrue(s.Public), Users: s.Users, Groups: s.Groups, Policies: s.Policies, LinkKeys: s.LinkKeys,
		LinksWhenStale: c.choice("links-when-stale", s.WhenStale, "refuse"),
		Login:          isTrue(s.Login), BaseURL: c.baseURL("base-url", s.BaseURL), Hosts: c.hosts("host", s.Host), TrustedProxies: c.prefixes("trusted-proxy", s.TrustedProxy),
		Hide: c.globs("hide", s.Hide), Site: isTrue(s.SitePages), DownloadRoute: c.route("download-route", s.DownloadAt),
		Precompressed: c.choice("precompressed", s.Precompressed, "on") == "on",
		CrossOrigin:   isTrue(s.CrossOrigin), TLSCert: s.TLSCert, TLSKey: s.TLSKey,
		MaxConns: DefaultMaxConns, MinRate: DefaultMinRate, Grace: DefaultGrace,
		CacheSize: DefaultCache, CacheCheck: DefaultCheck,
		NoFastLane: c.choice("fast-lane", s.FastLane, "on") == "off", Profiles: isTrue(s.Profiles),
		AccessLog: c.choice("access-log", s.AccessLog, "on") == "on",
		LogFormat: c.choice("log-format", s.LogFormat, "auto"), User: s.User,
		Sandbox: c.choice("sandbox", s.Sandbox, "auto"), Inspect: c.choice("inspect", s.Inspect, "on") == "on",
	}
	for _, a := range s.Listen {
		out.Listen = append(out.Listen, c.address("listen", a))
	}
	if s.Admin != "" {
		a := c.address("admin", s.Admin)
		out.Admin = &a
	}
	if l := c.choice("listing", s.Listing, ""); l != "" {
		on := l == "on"
		out.Listing = &on
	}
	out.FederationSettings = s.Federation.settings(&c)
	s.limits(&c, out)
	s.base(&c, out)
	return out, c.problems
}

func (s *Serve) limits(c *checker, out *Settings) {
	if s.MaxConnections != nil {
		out.MaxConns = *s.MaxConnections
		c.atLeastOne("max-connections", int64(out.MaxConns))
	}
	if s.MinRate != nil {
		out.MinRate = *s.MinRate
		c.atLeastOne("min-rate", out.MinRate)
	}
	if s.Cache != nil {
		out.CacheSize = int64(*s.Cache)
		if out.CacheSize == 0 {
			out.CacheSize = -1 // zero would ask the server for its default
		}
	}
	if s.CacheCheck != nil {
		out.CacheCheck = time.Duration(*s.CacheCheck)
		if out.CacheCheck == 0 {
			out.CacheCheck = time.Nanosecond
		}
	}
	if s.MaxAge != nil {
		out.MaxAge = time.Duration(*s.MaxAge)
	}
	if s.Grace != nil {
		out.Grace = time.Duration(*s.Grace)
		if out.Grace == 0 {
			out.Grace = time.Nanosecond // nothing is waited for; zero would ask the server for its default
		}
	}
}

func (s *Serve) base(c *checker, out *Settings) {
	out.NamePolicy = c.choice("names", s.Names, "local")
	out.Base = rootbound.Config{
		Names:       map[string]rootbound.NamePolicy{"portable": rootbound.Portable, "strict": rootbound.Strict}[out.NamePolicy],
		AllowHidden: isTrue(s.Hidden), AllowWellKnown: isTrue(s.WellKnown),
		Deny: s.Deny, Allow: s.Allow,
	}
	if c.choice("symlinks", s.Symlinks, "refuse") == "within" {
		out.Base.Symlinks = rootbound.SymlinksWithin
	}
	if c.choice("hardlinks", s.Hardlinks, "allow") == "refuse" {
		out.Base.Hardlinks = rootbound.HardlinksRefuse
	}
	c.globs("deny", s.Deny)
	c.globs("allow", s.Allow)
}

func isTrue(b *bool) bool { return b != nil && *b }

// checker collects problems.
type checker struct {
	table    string // the keys are in
	problems []Problem
}

func (c *checker) problem(key, value, rule, remedy string) {
	if value != "" {
		rule = strconv.Quote(value) + ": " + rule
	}
	c.problems = append(c.problems, Problem{Key: c.table + "." + key, Rule: rule, Remedy: remedy})
}

func (c *checker) choice(key, value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	words := Choices(key)
	for _, w := range words {
		if w == value {
			return value
		}
	}
	last := len(words) - 1
	c.problem(key, value, "not a value it has", "Use "+strings.Join(words[:last], ", ")+" or "+words[last])
	return otherwise
}

func (c *checker) atLeastOne(key string, n int64) {
	if n < 1 {
		c.problem(key, strconv.FormatInt(n, 10), "less than one", "Use 1 or more, or leave it out for the default")
	}
}

func (c *checker) globs(key string, patterns []string) []name.Glob {
	var out []name.Glob
	for _, p := range patterns {
		g, err := name.ParseGlob(p)
		if err != nil {
			c.problem(key, p, err.Error(), "Write a pattern such as *.key or private/**")
			continue
		}
		out = append(out, g)
	}
	return out
}

func (c *checker) prefixes(key string, texts []string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if a, errAddr := netip.ParseAddr(t); errAddr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			c.problem(key, t, "not an address range", "Write an address or a range such as 10.0.0.0/8")
			continue
		}
		out = append(out, p.Masked())
	}
	return out
}

func (c *checker) hosts(key string, names []string) []string {
	for _, n := range names {
		if n == "" || strings.ContainsAny(n, ":/@ \t") {
			c.problem(key, n, "not a host name", "Write the name alone, such as files.example.org, without scheme or port")
		}
	}
	return names
}

// baseURL checks what clients reach the server by: an origin, in the one spelling that browsers have for it (RFC 6454 6.2).
func (c *checker) baseURL(key, text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || text != u.Scheme+"://"+u.Host {
		c.problem(key, text, "not what the addresses of a server begin with", "Write it as https://files.example, without a path or a slash at the end")
		return ""
	}
	host := strings.ToLower(u.Host)
	return u.Scheme + "://" + strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
}

// route checks the path of a download route: it is compared as text with what clients send, and /-/ is taken.
func (c *checker) route(key, path string) string {
	if path == "" {
		return ""
	}
	if !name.IsRoute(path) {
		c.problem(key, path, "not a path for a route", "Write a path such as /download, of letters, digits and _.- and not beneath /-/")
	}
	return path
}

func (c *checker) address(key, text string) Address {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			c.problem(key, text, "the socket has no path", "Write unix:PATH, such as unix:/run/rootbound.sock")
		}
		return Address{Network: "unix", Text: path}
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		c.problem(key, text, "not an address", fmt.Sprintf("Write HOST:PORT such as %s, or unix:PATH", DefaultListen))
	}
	return Address{Network: "tcp", Text: text}
}

// CheckMount says what is wrong with a mount, as rule and remedy; "" if nothing is.
func CheckMount(m Mount) (rule, remedy string) {
	switch {
	case m.Dir == "":
		return "it names no directory", `Give the directory's path`
	case m.Name == "":
		return "", ""
	case name.Local(m.Name) != nil || strings.ContainsAny(m.Name, "/%?#") || strings.HasPrefix(m.Name, "."):
		return fmt.Sprintf("%q is not one element of a name", m.Name), "Use a plain name without slash, not starting with a dot"
	case m.Name == name.ReservedFirst:
		return `the name "-" is taken by the server's own pages`, "Use another name"
	}
	return "", ""
}

func checkMounts(mounts []Mount) []Problem {
	var out []Problem
	seen := map[string]bool{}
	for i, m := range mounts {
		key := fmt.Sprintf("mount[%d]", i)
		rule, remedy := CheckMount(m)
		if rule == "" && seen[m.Name] {
			rule, remedy = fmt.Sprintf("the name %q stands twice", m.Name), "Give each mount a name of its own"
		}
		seen[m.Name] = true
		if rule != "" {
			out = append(out, Problem{Key: key, Rule: rule, Remedy: remedy})
		}
	}
	return out
}
