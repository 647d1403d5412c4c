// Package link makes and checks signed links: a name, until when and for whom it may be had, under an HMAC.
//
// A link is checked without looking anything up. It is one field of the query of the file's own address,
//
//	/reports/2026.pdf?link=1.KEY.EXPIRES.ID.OPTIONS.FROM.TO.ISSUER.SIGNATURE
//
// KEY says which key signed, EXPIRES is in Unix seconds, ID is whatever the issuer tells links apart by. OPTIONS are, in this
// order, each once or not at all,
//
//	a   for an attachment
//	dN  for a directory whose name has N elements
//	uN  for a link that may be used N times (of a file)
//	p   where a password is asked for
//	h   where the link is for one host
//	i   where ISSUER is a user, by whose right the link gives, and with which it ends
//
// FROM (an address range), TO (a user) and ISSUER are base64url without padding, and may be empty. SIGNATURE is base64url,
// without padding, of
//
//	HMAC-SHA256(key, "rootbound-link-1\n" + NAME + "\n" + everything before the last dot)
//
// where NAME is the path that clients see, decoded, without a slash at either end; with the option h, "\n" and the host
// follow, in lower case, with its port where the address has one. Neither ever holds a line break. What does not know an
// option refuses the link.
//
// How often a link was used, its password, and that it was revoked stand in no link: a Register knows.
package link

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Field is the field of the query that holds a link.
const Field = "link"

// version is the first part of a link.
const version = "1"

// Bounds, in bytes.
const (
	MaxLength = 1024 // of what stands in the query
	maxID     = 64
	maxKeyID  = 32
	maxText   = 128 // of a user or an issuer
)

// MaxUses is how often a link can be used that is counted at all.
const MaxUses = 1_000_000

// Link is what one link gives.
type Link struct {
	// Path is the name as clients see it, without a slash at either end; "" is the top. Dir says that it is a directory, which
	// is given with everything beneath.
	Path string
	Dir  bool
	// Expires is when it ends, to the second.
	Expires time.Time
	// ID tells it from others: letters, digits, '-' and '_'.
	ID string
	// Key is the id of the key that signed; Sign fills it in.
	Key string
	// Issuer is whoever made it, for the record; "" is nobody in particular.
	Issuer string
	// Owner is the user by whose right the link gives, and with which it ends: the subject of the key, else the issuer where
	// Sign was told so; "" is nobody, and the link is good for as long as the key.
	Owner string
	// Host is the host that it is for, in lower case, with its port where the address has one; "" is any. Sign fills in what
	// the keys are bound to.
	Host string
	// Uses is how often it may be used; 0 is any number. Only a file's link is counted.
	Uses int
	// Password says that one is asked for.
	Password bool
	// Attachment has browsers store the file, not show it.
	Attachment bool
	// From is where it may be used from; the zero Prefix is anywhere.
	From netip.Prefix
	// To is the user who may use it, with a credential; "" is whoever has it.
	To string
	// Token is the link as it stands in the query.
	Token string
}

var encoding = base64.RawURLEncoding.Strict()

// check says why a link cannot be made.
func (l *Link) check() error {
	switch {
	case l.Path == "" && !l.Dir:
		return errors.New("the top is a directory")
	case l.Path != "" && name.Local(l.Path) != nil:
		return fmt.Errorf("%q can be the name of nothing that is served", l.Path)
	case !isID(l.ID, maxID):
		return fmt.Errorf("the id must be of 1 to %d letters, digits, '-' and '_'", maxID)
	case l.Expires.Unix() <= 0:
		return errors.New("it never held")
	case len(l.To) > maxText || len(l.Issuer) > maxText || !isText(l.To+l.Issuer):
		return fmt.Errorf("user and issuer must be UTF-8 of at most %d bytes, without control characters", maxText)
	case l.Uses < 0 || l.Uses > MaxUses:
		return fmt.Errorf("it can be used 1 to %d times, or 0 for any number", MaxUses)
	case l.Uses > 0 && l.Dir:
		return errors.New("uses are counted of a file, not of a directory")
	}
	return nil
}

func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// IsReference says whether these can be the key and the id of a link.
func IsReference(key, id string) bool { return isID(key, maxKeyID) && isID(id, maxID) }

func isID(s string, longest int) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= longest
}

// payload is what stands before the signature. byIssuer says that the owner is the issuer.
func (l *Link) payload(byIssuer bool) string {
	from := ""
	if l.From.IsValid() {
		from = l.From.Masked().String()
	}
	text := func(s string) string { return encoding.EncodeToString([]byte(s)) }
	return strings.Join([]string{version, l.Key, strconv.FormatInt(l.Expires.Unix(), 10), l.ID, l.options(byIssuer), text(from), text(l.To), text(l.Issuer)}, ".")
}

func (l *Link) options(byIssuer bool) string {
	var b strings.Builder
	add := func(yes bool, letter string, n int) {
		if yes {
			b.WriteString(letter)
			if n >= 0 {
				b.WriteString(strconv.Itoa(n))
			}
		}
	}
	add(l.Attachment, "a", -1)
	add(l.Dir, "d", depthOf(l.Path))
	add(l.Uses > 0, "u", l.Uses)
	add(l.Password, "p", -1)
	add(l.Host != "", "h", -1)
	add(byIssuer, "i", -1)
	return b.String()
}

func depthOf(path string) int {
	if path == "" {
		return 0
	}
	return strings.Count(path, "/") + 1
}

// parsed is a link whose signature was not looked at yet.
type parsed struct {
	Link
	byIssuer, ofHost bool
}

// parse reads what stands before the signature; path is that of the request.
func parse(payload, path string) (*parsed, bool) {
	p := strings.Split(payload, ".")
	if len(p) != 8 || p[0] != version || !isID(p[1], maxKeyID) || !isID(p[3], maxID) {
		return nil, false
	}
	seconds, err := strconv.ParseInt(p[2], 10, 64)
	if err != nil || seconds <= 0 {
		return nil, false
	}
	l := &parsed{Link: Link{Path: path, Key: p[1], Expires: time.Unix(seconds, 0), ID: p[3]}}
	if !l.readOptions(p[4]) {
		return nil, false
	}
	from, err1 := encoding.DecodeString(p[5])
	to, err2 := encoding.DecodeString(p[6])
	issuer, err3 := encoding.DecodeString(p[7])
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, false
	}
	l.To, l.Issuer = string(to), string(issuer)
	if len(from) > 0 {
		if l.From, err = netip.ParsePrefix(string(from)); err != nil {
			return nil, false
		}
	}
	return l, true
}

// readOptions reads them in their order; whatever is left over is an option that is not known here.
func (l *parsed) readOptions(rest string) bool {
	flag := func(letter string) (found bool) {
		rest, found = strings.CutPrefix(rest, letter)
		return found
	}
	number := func(longest int) (n int, ok bool) {
		i := 0
		for i < len(rest) && i < longest && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(rest[:i])
		rest = rest[i:]
		return n, err == nil
	}
	l.Attachment = flag("a")
	if l.Dir = flag("d"); l.Dir {
		if n, ok := number(4); !ok || !l.cut(n) {
			return false
		}
	}
	if flag("u") {
		n, ok := number(7)
		if !ok || n < 1 || n > MaxUses || l.Dir {
			return false
		}
		l.Uses = n
	}
	l.Password, l.ofHost, l.byIssuer = flag("p"), flag("h"), flag("i")
	return rest == ""
}

// cut leaves the first n elements of the path; false where it has fewer.
func (l *Link) cut(n int) bool {
	if n > depthOf(l.Path) {
		return false
	}
	end := 0
	for range n {
		i := strings.IndexByte(l.Path[end:], '/')
		if i < 0 {
			return true // all of them
		}
		end += i + 1
	}
	l.Path = strings.TrimSuffix(l.Path[:end], "/")
	return true
}

// Covers says whether the link gives a right to a path, as clients see it. A file's gives that one name to be read; a
// directory's gives it to be listed, and what is beneath to be read and listed.
func (l *Link) Covers(right request.Right, path string) bool {
	switch right {
	case request.Read:
		return !l.Dir && path == l.Path || l.Dir && l.above(path)
	case request.List:
		return l.Dir && (path == l.Path || l.above(path))
	}
	return false
}

// above says whether the path is beneath the link's, by elements.
func (l *Link) above(path string) bool {
	return l.Path == "" && path != "" || len(path) > len(l.Path) && path[len(l.Path)] == '/' && path[:len(l.Path)] == l.Path
}

// refused says why a link is: the reasons differ in the record alone.
func refused(code reason.Code) error { return reason.New(code, nil) }

// Verify returns what a link gives, in a request for a path from a client. The errors are reasons: link-invalid, expired. It does not
// block. Whether the user is the one it is To, whether its Owner may still give it, how often it was used and whether the
// password was given is for the caller to ask: one that cannot refuses.
func (k *Keys) Verify(token, path string, client netip.Addr, now time.Time) (*Link, error) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 || len(token) > MaxLength {
		return nil, refused(reason.LinkInvalid)
	}
	p, ok := parse(token[:i], path)
	if !ok {
		return nil, refused(reason.LinkInvalid)
	}
	l, host := &p.Link, k.Host()
	if p.ofHost != (host != "") {
		return nil, reason.New(reason.LinkInvalid, errHost)
	}
	l.Host = host
	if !k.holds(l, token[:i], token[i+1:]) {
		return nil, refused(reason.LinkInvalid)
	}
	switch {
	case !now.Before(l.Expires):
		return nil, refused(reason.Expired)
	case l.From.IsValid() && !l.From.Contains(client.Unmap().WithZone("")):
		return nil, refused(reason.LinkInvalid)
	}
	l.Token = token
	if l.Owner = k.Subject(l.Key); l.Owner == "" && p.byIssuer {
		if l.Owner = l.Issuer; l.Owner == "" {
			return nil, refused(reason.LinkInvalid)
		}
	}
	return l, nil
}

var errHost = errors.New("it is for a host that this server does not say it is, or for none where it does (--base-url)")

// Sign makes the link's token with the first of the keys, for the host that they are bound to. One that is to end with the
// right of its Owner is signed by a key that is that user's own, or by the first that is nobody's: then the owner is the
// issuer.
func (k *Keys) Sign(l Link) (Link, error) {
	now := k.now.Load()
	id, byIssuer := now.first, false
	switch of := now.byID[id].subject; {
	case l.Owner == "":
		l.Owner = of
	case of != l.Owner:
		if l.Issuer != "" && l.Issuer != l.Owner {
			return Link{}, errors.New("the owner is the issuer")
		}
		if id = now.server; id == "" {
			return Link{}, errors.New("every key belongs to somebody: add one without a name behind it")
		}
		l.Issuer, byIssuer = l.Owner, true
	}
	if err := l.check(); err != nil {
		return Link{}, err
	}
	l.Key, l.Host = id, k.Host()
	payload := l.payload(byIssuer)
	sum, _ := k.sum(&l, payload)
	l.Token = payload + "." + string(sum[:])
	if len(l.Token) > MaxLength {
		return Link{}, fmt.Errorf("the link is longer than %d bytes", MaxLength)
	}
	return l, nil
}

// URL is the link as clients are given it; base is what they reach the server by, such as "https://files.example", or "".
func (l *Link) URL(base string) string {
	address := base + "/" + name.Escape(l.Path)
	if l.Dir && l.Path != "" {
		address += "/"
	}
	return address + "?" + Field + "=" + l.Token
}

// Clone is the link with texts of its own: those of a request live no longer than it.
func (l *Link) Clone() Link {
	out := *l
	for _, s := range []*string{&out.Path, &out.ID, &out.Key, &out.Issuer, &out.Owner, &out.To, &out.Token} {
		*s = strings.Clone(*s)
	}
	return out
}

// ParseFrom reads where a link may be used from: a range of addresses, or one address. An IPv4 address is one however it is
// written.
func ParseFrom(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if a := p.Addr(); err == nil && a.Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errors.New("it is more than the IPv4 addresses that it is written as")
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), err
}
