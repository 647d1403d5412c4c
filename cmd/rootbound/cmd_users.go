package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
)

type userAddCmd struct {
	stateFlag `embed:""`

	Group []string `name:"group" placeholder:"GROUP" sep:"none" help:"Group that the user is in, for grants. Repeatable."`
	Name  string   `arg:"" help:"User name."`
}

type userListCmd struct {
	stateFlag `embed:""`

	Format string `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`
}

type userDisableCmd struct {
	stateFlag `embed:""`

	Name string `arg:"" help:"User name."`
}

type userEnableCmd struct {
	stateFlag `embed:""`

	Name string `arg:"" help:"User name."`
}

type userPasswdCmd struct {
	stateFlag `embed:""`

	Name string `arg:"" help:"User name."`
}

type userRemoveCmd struct {
	stateFlag `embed:""`

	Name string `arg:"" help:"User name."`
}

type userGroupsCmd struct {
	stateFlag `embed:""`

	Group []string `name:"group" placeholder:"GROUP" sep:"none" help:"Group that the user is in from now on, in place of those before. Repeatable."`
	None  bool     `name:"none" help:"The user is in no group any more."`
	Name  string   `arg:"" help:"User name."`
}

// shownUser is what --format json prints of one.
type shownUser struct {
	Name     string    `json:"name"`
	Groups   []string  `json:"groups"`
	Disabled bool      `json:"disabled"`
	Password string    `json:"password"` // how it is hashed, or "none"
	Created  time.Time `json:"created"`
	Changed  time.Time `json:"changed"`
}

// withState runs a command on an open state, and closes it.
func (f *stateFlag) withState(s *surroundings, do func(*store.Store) error) error {
	st, err := f.open(s)
	if err != nil {
		return err
	}
	err = do(st)
	if closeErr := st.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Run asks for the password once it is known that the name is free.
func (c *userAddCmd) Run(s *surroundings) error {
	what := "user " + strconv.Quote(c.Name)
	if err := authn.CheckName(c.Name); err != nil {
		return usage(what, err.Error(), "Take another name")
	}
	if err := checkGroups(c.Group); err != nil {
		return err
	}
	taken := usage(what, "there is a user of that name", "Take another name, or give that user another password with rootbound user passwd")
	return c.withState(s, func(st *store.Store) error {
		switch _, err := st.User(s.ctx, c.Name); {
		case err == nil:
			return taken
		case !errors.Is(err, state.ErrNotFound):
			return userError(what, err)
		}
		h, err := s.newPassword(what)
		if err != nil {
			return err
		}
		now := time.Now()
		err = st.AddUser(s.ctx, state.User{Name: c.Name, Hash: h.String(), Groups: c.Group, Created: now, Changed: now})
		if errors.Is(err, state.ErrExists) {
			return taken
		}
		return userError(what, err)
	})
}

func checkGroups(groups []string) error {
	for _, g := range groups {
		if err := authn.CheckName(g); err != nil {
			return usage("--group "+strconv.Quote(g), strings.ReplaceAll(err.Error(), "user name", "name"), "Take another name")
		}
	}
	return nil
}

// Run prints one line for each.
func (c *userListCmd) Run(s *surroundings) error {
	return c.withState(s, func(st *store.Store) error {
		users, err := st.Users(s.ctx)
		if err != nil {
			return userError("user list", err)
		}
		if c.Format == "json" {
			out := []shownUser{}
			for _, u := range users {
				out = append(out, shownUser{u.Name, append([]string{}, u.Groups...), u.Disabled, passwordOf(u.Hash), u.Created, u.Changed})
			}
			return writeDocument(s.stdout, out)
		}
		return listUsers(s.stdout, users)
	})
}

func listUsers(out io.Writer, users []state.User) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NAME\tGROUPS\tSTATE\tPASSWORD\tCREATED") // Flush tells
	for _, u := range users {
		groups := "-"
		if len(u.Groups) > 0 {
			groups = strings.Join(u.Groups, " ")
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", oneLine(u.Name), oneLine(groups), word(u.Disabled, "disabled", "good"), passwordOf(u.Hash), u.Created.Format(time.DateTime))
	}
	return w.Flush()
}

// passwordOf says how a password is hashed.
func passwordOf(hash string) string {
	h, err := authn.ParseHash(hash)
	switch {
	case hash == "":
		return "none"
	case err != nil:
		return "unusable"
	case h.Outdated():
		return "bcrypt"
	}
	return "argon2id"
}

// Run ends the user's sessions too. Tokens rest until the user is enabled again.
func (c *userDisableCmd) Run(s *surroundings) error {
	return c.changeUser(s, c.Name, func(u *state.User) { u.Disabled = true })
}

// Run lets the user in again.
func (c *userEnableCmd) Run(s *surroundings) error {
	return c.changeUser(s, c.Name, func(u *state.User) { u.Disabled = false })
}

// Run ends the user's sessions too: whoever knew the old password may have one.
func (c *userPasswdCmd) Run(s *surroundings) error {
	what := "user " + strconv.Quote(c.Name)
	return c.withState(s, func(st *store.Store) error {
		if _, err := st.User(s.ctx, c.Name); err != nil {
			return userError(what, err)
		}
		h, err := s.newPassword(what)
		if err != nil {
			return err
		}
		return changeUser(s, st, c.Name, func(u *state.User) { u.Hash = h.String() })
	})
}

// Run leaves sessions be: what they may do is asked of the account each time.
func (c *userGroupsCmd) Run(s *surroundings) error {
	what := "user " + strconv.Quote(c.Name)
	switch err := checkGroups(c.Group); {
	case err != nil:
		return err
	case c.None == (len(c.Group) > 0):
		return usage(what, "the groups are neither named by --group nor --none, or both", "Name all groups that the user is to be in, or say --none")
	}
	return c.withState(s, func(st *store.Store) error {
		return userError(what, st.UpdateUser(s.ctx, c.Name, func(u *state.User) error {
			u.Groups = c.Group
			return nil
		}))
	})
}

// Run removes the user with sessions and tokens, and revokes the links the user made.
func (c *userRemoveCmd) Run(s *surroundings) error {
	return c.withState(s, func(st *store.Store) error {
		return userError("user "+strconv.Quote(c.Name), st.RemoveUser(s.ctx, c.Name))
	})
}

func (f *stateFlag) changeUser(s *surroundings, name string, change func(*state.User)) error {
	return f.withState(s, func(st *store.Store) error { return changeUser(s, st, name, change) })
}

// changeUser changes an account, and ends its sessions.
func changeUser(s *surroundings, st *store.Store, name string, change func(*state.User)) error {
	what := "user " + strconv.Quote(name)
	err := st.UpdateUser(s.ctx, name, func(u *state.User) error {
		change(u)
		u.Changed = time.Now()
		return nil
	})
	if err == nil {
		_, err = st.EndSessionsOf(s.ctx, name)
	}
	return userError(what, err)
}

// userError says what the state refused, or that it is out of reach.
func userError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, state.ErrNotFound):
		return usage(what, "there is no such user in the state", "See 'rootbound user list'; a user of --users FILE is changed there")
	case errors.Is(err, state.ErrInvalid):
		return usage(what, strings.TrimPrefix(err.Error(), "state: "), "Write it otherwise")
	}
	return fmt.Errorf("%s: %w", what, err)
}
