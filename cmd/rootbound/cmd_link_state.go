package main

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/link"
	"github.com/rootbound/rootbound/store"
)

type linkListCmd struct {
	stateFlag `embed:""`

	By     string `name:"by" placeholder:"USER" help:"Only those of this user, or issuer."`
	Format string `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`
}

type linkRevokeCmd struct {
	stateFlag `embed:""`

	Link string `arg:"" name:"key/id" help:"KEY/ID of the link, as in the list; ID alone where one link has it."`
}

// Run prints one line for each.
func (c *linkListCmd) Run(s *surroundings) error {
	st, err := c.open(s)
	if err != nil {
		return err
	}
	defer st.Close()
	links, err := st.Links(s.ctx, c.By)
	if err != nil {
		return tokenError("link list", err)
	}
	out := []link.Shown{}
	for i := range links {
		out = append(out, link.Show(&links[i]))
	}
	if c.Format == "json" {
		return writeDocument(s.stdout, out)
	}
	return listLinks(s.stdout, out, time.Now())
}

func listLinks(out io.Writer, links []link.Shown, now time.Time) error {
	line, flush := columns(out)
	line("KEY/ID", "NAME", "BY", "TO", "EXPIRES", "USED", "STATE")
	for _, l := range links {
		used, is := "", "good"
		if l.Uses > 0 {
			used = strconv.Itoa(l.Used) + " of " + strconv.Itoa(l.Uses)
		}
		switch {
		case l.Revoked:
			is = "revoked"
		case !now.Before(l.Expires):
			is = "over"
		case l.Uses > 0 && l.Used >= l.Uses:
			is = "spent"
		}
		line(l.Key+"/"+l.ID, l.Name, l.By, l.To, l.Expires.UTC().Format(time.DateTime), used, is)
	}
	return flush()
}

// Run is heard by running servers within two seconds. A link that no server was shown yet is taken back by KEY/ID.
func (c *linkRevokeCmd) Run(s *surroundings) error {
	st, err := c.open(s)
	if err != nil {
		return err
	}
	defer st.Close()
	key, id, whole := strings.Cut(c.Link, "/")
	if !whole {
		if key, id, err = onlyLink(s, st, c.Link); err != nil {
			return err
		}
	}
	if !link.IsReference(key, id) { // it may be a whole link: it is not repeated
		return usage("link revoke", "that is not KEY/ID", "See 'rootbound link list'")
	}
	err = st.RevokeLink(s.ctx, key, id)
	if errors.Is(err, state.ErrNotFound) {
		if err = unseen(s, st, key, id); err == nil {
			err = st.RevokeLink(s.ctx, key, id)
		}
	}
	return tokenError("link revoke", err)
}

// onlyLink finds the one link of an id.
func onlyLink(s *surroundings, st *store.Store, id string) (key, only string, err error) {
	links, err := st.Links(s.ctx, "")
	if err != nil {
		return "", "", tokenError("link revoke", err)
	}
	for _, l := range links {
		switch {
		case l.ID != id:
		case only != "":
			return "", "", usage("link revoke", "several keys signed a link of that id", "Name one as KEY/ID, see 'rootbound link list'")
		default:
			key, only = l.Key, l.ID
		}
	}
	if only == "" { // it may be a whole link: it is not repeated
		return "", "", usage("link revoke", "the state knows no link of that id", "Name it as KEY/ID, the second and the fourth of the parts that dots divide in the link")
	}
	return key, only, nil
}

// unseenLasts is for how long a link is kept whose end is not known.
const unseenLasts = 10 * 365 * 24 * time.Hour

// unseen keeps a link of which nothing but its id is known.
func unseen(s *surroundings, st *store.Store, key, id string) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	_, err := st.SawLink(s.ctx, state.Link{Key: key, ID: id, Created: now, Expires: now.Add(unseenLasts)})
	return err
}
