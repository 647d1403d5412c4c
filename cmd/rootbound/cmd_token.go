package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make an API token for a user's program, and show it once."`
	List   tokenListCmd   `cmd:"" help:"Print the tokens there are, without their secrets."`
	Revoke tokenRevokeCmd `cmd:"" help:"Take a token back."`
}

type tokenCreateCmd struct {
	stateFlag `embed:""`

	User    string          `name:"user" placeholder:"NAME" required:"" help:"Whose it is: it gives at most what that user may have, and ends with the user."`
	Label   string          `name:"label" placeholder:"TEXT" help:"What it is for, to tell it from others in the list."`
	Expires config.Duration `name:"expires" placeholder:"DURATION" default:"30d" help:"How long it holds, such as 12h or 90d. Default 30d."`
	May     []string        `name:"may" placeholder:"RIGHT,..." help:"Rights that it is limited to: read, list, create, replace, delete, share. Default: all that the user has."`
	On      []string        `name:"on" placeholder:"NAME" sep:"none" help:"File or, with a slash at the end, directory, as clients see it, that it is limited to. Repeatable. Default: all."`
	Users   string          `name:"users" placeholder:"FILE" help:"File of --users that has the user, where the state has not."`
	Format  string          `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`
}

type tokenListCmd struct {
	stateFlag `embed:""`

	User   string `name:"user" placeholder:"NAME" help:"Only this user's."`
	Format string `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`
}

type tokenRevokeCmd struct {
	stateFlag `embed:""`

	ID string `arg:"" help:"Id of the token: what stands between its underscores, and in the list."`
}

// tokenRights are those that a token can be limited to.
var tokenRights = []request.Right{request.Read, request.List, request.Create, request.Replace, request.Delete, request.Share}

// shownToken is what --format json prints of one.
type shownToken struct {
	Token   string     `json:"token,omitempty"`
	ID      string     `json:"id"`
	User    string     `json:"user"`
	Label   string     `json:"label,omitempty"`
	May     []string   `json:"may,omitempty"`
	On      []string   `json:"on,omitempty"`
	Created time.Time  `json:"created"`
	Expires time.Time  `json:"expires"`
	Used    *time.Time `json:"used,omitempty"`
	Revoked bool       `json:"revoked"`
}

func shownOf(t *state.Token) shownToken {
	out := shownToken{ID: t.ID, User: t.Subject, Label: t.Label, May: t.Rights, On: t.On, Created: t.Created, Expires: t.Expires, Revoked: t.Revoked}
	if !t.Used.IsZero() {
		out.Used = &t.Used
	}
	return out
}

// Run prints the token on standard output, and nothing else, so that it can go straight into a file.
func (c *tokenCreateCmd) Run(s *surroundings) error {
	if err := c.check(); err != nil {
		return err
	}
	st, err := c.open(s)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := c.known(s, st); err != nil {
		return err
	}
	token, id, d := authn.NewToken()
	now := time.Now().UTC().Truncate(time.Microsecond)
	kept := state.Token{
		ID: id, Digest: d, Subject: c.User, Label: c.Label, Rights: c.May, On: c.On,
		Created: now, Expires: now.Add(time.Duration(c.Expires)),
	}
	if err := st.AddToken(s.ctx, kept); err != nil {
		return tokenError("token create", err)
	}
	if c.Format == "json" {
		out := shownOf(&kept)
		out.Token = token
		return writeDocument(s.stdout, out)
	}
	if _, err = fmt.Fprintln(s.stdout, token); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stderr, "The token is shown this once. It holds until %s; its id is %s.\n", kept.Expires.Format(time.DateTime+" MST"), id)
	return err
}

func (c *tokenCreateCmd) check() error {
	if c.Expires < config.Duration(time.Second) {
		return usage("--expires "+time.Duration(c.Expires).String(), "it would be over at once", "Use a time such as 30d")
	}
	for _, r := range c.May {
		if !slices.Contains(tokenRights, request.Right(r)) {
			return usage("--may "+strconv.Quote(r), "it is no right", "Use read, list, create, replace, delete or share, with commas between them")
		}
	}
	for _, on := range c.On {
		if bare := strings.TrimSuffix(strings.TrimPrefix(on, "/"), "/"); on != "/" && name.Local(bare) != nil {
			return usage("--on "+strconv.Quote(on), "it can be the name of nothing that is served", "Write it as clients see it, such as reports/2026.pdf, or reports/ for a directory")
		}
	}
	return nil
}

// known makes sure that there is such a user: a token of nobody would be refused wherever it is shown.
func (c *tokenCreateCmd) known(s *surroundings, st *store.Store) error {
	what := "--user " + strconv.Quote(c.User)
	u, err := st.User(s.ctx, c.User)
	switch {
	case err == nil && u.Disabled:
		return usage(what, "the user is disabled", "Enable the user first, see 'rootbound user --help'")
	case err == nil:
		return nil
	case !errors.Is(err, state.ErrNotFound):
		return tokenError("token create", err)
	}
	file, err := loadUsers(c.Users)
	if err != nil {
		return err
	}
	if file != nil {
		if _, ok, err := file.Account(c.User); ok && err == nil {
			return nil
		}
	}
	return usage(what, "there is no such user", "Add the user with 'rootbound user add', or name the file that has the user with --users")
}

// Run prints one line for each.
func (c *tokenListCmd) Run(s *surroundings) error {
	st, err := c.open(s)
	if err != nil {
		return err
	}
	defer st.Close()
	tokens, err := st.Tokens(s.ctx, c.User)
	if err != nil {
		return tokenError("token list", err)
	}
	if c.Format == "json" {
		out := []shownToken{}
		for i := range tokens {
			out = append(out, shownOf(&tokens[i]))
		}
		return writeDocument(s.stdout, out)
	}
	return listTokens(s.stdout, tokens, time.Now())
}

func listTokens(out io.Writer, tokens []state.Token, now time.Time) error {
	line, flush := columns(out)
	line("ID", "USER", "LABEL", "MAY", "ON", "EXPIRES", "USED", "STATE")
	for _, t := range tokens {
		used, is := "never", "good"
		if !t.Used.IsZero() {
			used = t.Used.Format(time.DateTime)
		}
		switch {
		case t.Revoked:
			is = "revoked"
		case !now.Before(t.Expires):
			is = "over"
		}
		line(t.ID, t.Subject, t.Label, strings.Join(t.Rights, ","), strings.Join(t.On, " "), t.Expires.Format(time.DateTime), used, is)
	}
	return flush()
}

// Run is heard by running servers within two seconds.
func (c *tokenRevokeCmd) Run(s *surroundings) error {
	st, err := c.open(s)
	if err != nil {
		return err
	}
	defer st.Close()
	err = st.RevokeToken(s.ctx, c.ID)
	if errors.Is(err, state.ErrNotFound) {
		return usage("token revoke", "there is no token of that id", "See 'rootbound token list'") // it may be a whole token: it is not repeated
	}
	return tokenError("token revoke", err)
}

// tokenError says what the state refused, or that it is out of reach.
func tokenError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, state.ErrInvalid):
		return usage(what, innermost(err), "Write it otherwise")
	}
	return fmt.Errorf("%s: %w", what, err)
}
