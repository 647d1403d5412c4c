package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/confine"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/store"
)

// stateSettings say where the state is.
type stateSettings struct {
	dsn   string
	place store.Place
}

// newStateSettings understands what file and flag say; nil where there is no state. file is the configuration's path.
func newStateSettings(inFile, flags config.State, file string, env func(string) string) (*stateSettings, error) {
	merged := config.Merge(inFile, flags)
	if merged.DSN == "" {
		return nil, nil
	}
	if merged.DSN == config.StateDefault {
		path, err := defaultState(env)
		if err != nil {
			return nil, err
		}
		merged.DSN = path
	}
	place, err := store.PlaceOf(merged.DSN)
	if err != nil {
		return nil, badState("--state", err)
	}
	s := &stateSettings{merged.DSN, place}
	switch {
	case !place.Password:
	case flags.DSN != "":
		return nil, usage("--state "+strconv.Quote(place.Text), "everybody on this machine can read the password in the list of processes", "Write the URL in a configuration file with mode 0600, or the password in PGPASSWORD or in a file that PGPASSFILE names")
	case file != "" && file != stdinName:
		if info, err := os.Stat(file); err != nil || !isSecret(info) {
			return nil, usage("configuration "+strconv.Quote(file), "others than its owner may read or write it, and it holds the password of the state", "Change that by 'chmod 0600 FILE', or write the password in PGPASSWORD or in a file that PGPASSFILE names")
		}
	}
	return s, nil
}

// defaultState is the file where none is named.
func defaultState(env func(string) string) (string, error) {
	dir, _, _ := strings.Cut(env("STATE_DIRECTORY"), ":") // systemd.exec(5): several are possible
	if dir == "" {
		if dir = env("XDG_STATE_HOME"); dir != "" {
			dir = filepath.Join(dir, "rootbound")
		}
	}
	if dir == "" {
		home := env("HOME")
		if info, err := os.Stat(home); err == nil && info.IsDir() { // the home of a service may be nowhere, and is not made
			dir = filepath.Join(home, ".local", "state", "rootbound")
		}
	}
	if dir == "" {
		return "", usage("--state default", "neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME says where", "Name a file: --state FILE")
	}
	return filepath.Join(dir, "rootbound.db"), nil
}

// file is the path of the SQLite file; "" where there is none.
func (s *stateSettings) file() string {
	if s == nil {
		return ""
	}
	return s.place.File
}

// reaches adds what it takes to reach the state: SQLite makes and removes files beside its own.
func (s *stateSettings) reaches(p *confine.Policy) {
	if s == nil {
		return
	}
	if s.place.File != "" {
		p.Write = append(p.Write, parents(s.place.File)...)
	}
	p.Unix = p.Unix || len(s.place.Sockets) > 0
	p.Connect = append(p.Connect, s.place.Ports...)
	if s.place.Names {
		resolve(p)
	}
}

// check looks at the file without opening it.
func (s *stateSettings) check() error {
	if s == nil {
		return nil
	}
	return badState("--state "+strconv.Quote(s.place.Text), s.place.Check())
}

// open opens the state, as the user that will go on with it.
func (s *stateSettings) open(sur *surroundings) (*store.Store, error) {
	st, err := store.Open(sur.ctx, store.Config{DSN: s.dsn})
	return st, badState("--state "+strconv.Quote(s.place.Text), err)
}

// openState opens the state of a server.
func (p *process) openState() (err error) {
	if p.State == nil {
		return nil
	}
	if p.store, err = p.State.open(p.surroundings); err != nil {
		return err
	}
	what := "--state " + strconv.Quote(p.State.place.Text)
	p.accounts, err = authn.OpenAccounts(p.ctx, authn.AccountsConfig{Store: p.store, File: p.users, Log: p.log})
	switch {
	case p.accounts == nil && err != nil:
		return usage(what, "its users cannot be read: "+innermost(err), "See that the database is there")
	case err != nil:
		return usage(what+" and --users "+strconv.Quote(p.Users), err.Error(), "Remove one of them: a name is one account")
	}
	p.log.Info("state", "in", p.State.place.Text)
	if p.accounts.Len() == 0 && !p.Public {
		p.log.Warn("there are no users yet: add one with rootbound user add NAME", "state", p.State.place.Text)
	}
	return nil
}

// sweepEvery is how often what is over is removed from the state.
const sweepEvery = 10 * time.Minute

// watchState learns of what other processes change, and sweeps, until the process ends.
func (p *process) watchState() {
	if p.store == nil {
		return
	}
	go p.accounts.Watch(p.ctx)
	go func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if err := p.store.Sweep(p.ctx, time.Now()); err != nil && p.ctx.Err() == nil {
				p.log.Warn("what is over could not be removed from the state", "error", err)
			}
			select {
			case <-p.ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
}

func badState(what string, err error) error {
	var re *store.RefusedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &re):
		return usage(what, re.Rule, re.Remedy)
	}
	return usage(what, strings.TrimPrefix(innermost(err), "store: "), "Name a file, or a URL as postgres://USER@HOST/DATABASE")
}
