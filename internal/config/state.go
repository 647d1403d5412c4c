package config

import (
	"path/filepath"
	"strings"
)

// StateDefault is the DSN that means the file that is taken where none is named.
const StateDefault = "default"

// State holds the flag about the state, of `serve` and of the commands that work on it, and the keys of [state].
type State struct {
	DSN string `toml:"dsn" name:"state" placeholder:"FILE|URL" group:"where" help:"Keep users, sessions, tokens and uses of links in FILE (SQLite, made where there is none; the word default is rootbound.db in the state directory), or in the PostgreSQL at postgres://USER@HOST/DATABASE, which several servers may share. Only its users may then read, and those of --users."`
}

// Beside makes a path of a file relative to its directory.
func (s *State) Beside(dir string) {
	if s.DSN != "" && s.DSN != StateDefault && !strings.Contains(s.DSN, "://") && !filepath.IsAbs(s.DSN) {
		s.DSN = filepath.Join(dir, s.DSN)
	}
}
