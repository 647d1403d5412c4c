package main

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/link"
)

type linkCmd struct {
	Create linkCreateCmd `cmd:"" help:"Print a link to a file or a directory that holds for a while."`
	List   linkListCmd   `cmd:"" help:"Print the links that the state knows: those made with it, and those a server was shown."`
	Revoke linkRevokeCmd `cmd:"" help:"Take a link back."`
}

type linkCreateCmd struct {
	stateFlag `embed:""`

	Name string `arg:"" help:"File or, with a slash at the end, directory, as clients see it."`

	Expires      config.Duration `name:"expires" placeholder:"DURATION" required:"" help:"How long it holds, such as 24h."`
	Uses         int             `name:"uses" placeholder:"N" help:"How often the file may be had; browsers are shown a page whose button counts. Needs a state."`
	Password     bool            `name:"password" help:"Ask for a password, on the terminal or as the first line of standard input, that whoever has the link must know. Needs a state."`
	From         string          `name:"from" placeholder:"CIDR" help:"Only clients from this range of addresses may use it."`
	To           string          `name:"to" placeholder:"USER" help:"Only this user may use it, with a credential."`
	By           string          `name:"by" placeholder:"USER" help:"The user by whose right it gives: it ends when that user may not share the file any more. Default: whose the key is, or nobody's."`
	AsAttachment bool            `name:"as-attachment" help:"Browsers store the file, and do not show it."`
	Issuer       string          `name:"issuer" placeholder:"TEXT" help:"Who makes it; it stands in the link."`
	LinkKeys     string          `name:"link-keys" placeholder:"FILE" help:"Keys that sign; the first does. Default: those of --config."`
	BaseURL      string          `name:"base-url" placeholder:"URL" help:"What clients reach the server by, such as https://files.example: the link holds on a server that has the same --base-url alone. Without it the link begins with the path, and holds on one that has none."`
	Format       string          `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`

	stated bool // a state is named, so that the link is kept in it
}

// Run asks no server: whoever has a key makes links. With a state they are listed at once.
func (c *linkCreateCmd) Run(s *surroundings) error {
	if err := c.fromFile(); err != nil {
		return err
	}
	if c.LinkKeys == "" {
		return usage("link create", "there is no key to sign with", "Add --link-keys FILE, the file that serve has")
	}
	l, err := c.link()
	if err != nil {
		return err
	}
	keys, err := loadLinkKeys(c.LinkKeys, c.BaseURL)
	if err != nil {
		return err
	}
	if l, err = keys.Sign(l); err != nil {
		return usage("link create", err.Error(), "See 'rootbound link create --help'")
	}
	if err := c.keep(s, &l); err != nil {
		return err
	}
	address := l.URL(c.BaseURL)
	if c.Format == "json" {
		return writeDocument(s.stdout, link.Made{URL: address, ID: l.ID, Key: l.Key, Name: c.Name, Expires: l.Expires.UTC()})
	}
	_, err = fmt.Fprintln(s.stdout, address)
	return err
}

// fromFile takes what was not said from the configuration file.
func (c *linkCreateCmd) fromFile() error {
	c.stated = c.State != ""
	if c.Config == "" {
		return nil
	}
	file, err := readConfig(c.Config)
	if err != nil {
		return err
	}
	c.stated = c.stated || file.State.DSN != ""
	if c.LinkKeys == "" {
		c.LinkKeys = file.Serve.LinkKeys
	}
	if c.BaseURL == "" {
		c.BaseURL = file.Serve.BaseURL
	}
	return nil
}

// keep records the link where there is a state.
func (c *linkCreateCmd) keep(s *surroundings, l *link.Link) error {
	if !c.stated {
		switch {
		case l.Uses > 0:
			return usage("--uses "+strconv.Itoa(l.Uses), "there is no state to count them in", "Add --state FILE, the one that serve has")
		case l.Password:
			return usage("--password", "there is no state to keep it in", "Add --state FILE, the one that serve has")
		}
		return nil
	}
	hash := ""
	if l.Password {
		password, err := s.password()
		if err == nil && password == "" {
			err = fmt.Errorf("it is empty")
		}
		if err != nil {
			return usage("--password", "no password was given: "+innermost(err), "Type it, or send it on standard input as one line")
		}
		h, err := authn.NewHash(password)
		if err != nil {
			return usage("--password", err.Error(), "Take a shorter one")
		}
		hash = h.String()
	}
	st, err := c.open(s)
	if err != nil {
		return err
	}
	defer st.Close()
	_, err = st.SawLink(s.ctx, l.Record(hash, time.Now()))
	return tokenError("link create", err)
}

func (c *linkCreateCmd) link() (link.Link, error) {
	l := link.Link{
		ID: newLinkID(), Expires: time.Now().Add(time.Duration(c.Expires)).Truncate(time.Second),
		Attachment: c.AsAttachment, Issuer: c.Issuer, Owner: c.By, To: c.To, Uses: c.Uses, Password: c.Password,
	}
	if c.Expires < config.Duration(time.Second) {
		return l, usage("--expires "+time.Duration(c.Expires).String(), "it would be over at once", "Use a time such as 24h")
	}
	l.Path, l.Dir = strings.CutSuffix(strings.TrimPrefix(c.Name, "/"), "/")
	l.Dir = l.Dir || c.Name == "/"
	if l.Path != "" && name.Local(l.Path) != nil {
		return l, usage("link create "+strconv.Quote(c.Name), "it can be the name of nothing that is served", "Write it as clients see it, such as reports/2026.pdf, or reports/ for a directory")
	}
	if c.From != "" {
		p, err := link.ParseFrom(c.From)
		if err != nil {
			return l, usage("--from "+strconv.Quote(c.From), "it is no range of addresses", "Write an address or a range such as 10.0.0.0/8")
		}
		l.From = p
	}
	if c.BaseURL != "" {
		u, err := url.Parse(c.BaseURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(c.BaseURL, "/") {
			return l, usage("--base-url "+strconv.Quote(c.BaseURL), "it is not what addresses can begin with", "Write it as https://files.example, without a slash at the end")
		}
	}
	return l, nil
}

// newLinkID is random: 130 bits.
func newLinkID() string { return rand.Text() }
