package main

import (
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/store"
)

// stateFlag names the state that a command works on.
type stateFlag struct {
	State  string `name:"state" placeholder:"FILE|URL" help:"The state, as serve has it. Default: that of --config, or rootbound.db in the state directory."`
	Config string `name:"config" placeholder:"FILE" help:"Configuration file that names it."`
}

// open opens the state. The caller closes it.
func (f *stateFlag) open(s *surroundings) (*store.Store, error) {
	var inFile config.State
	if f.Config != "" {
		file, err := readConfig(f.Config)
		if err != nil {
			return nil, err
		}
		inFile = file.State
	}
	flags := config.State{DSN: f.State}
	if f.State == "" && inFile.DSN == "" {
		flags.DSN = config.StateDefault
	}
	set, err := newStateSettings(inFile, flags, f.Config, s.env)
	if err != nil {
		return nil, err
	}
	return set.open(s)
}
