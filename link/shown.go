package link

import (
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

// Shown is what may be told of a link that is kept, as JSON: its address is told once, when it is made.
type Shown struct {
	Key      string    `json:"key"`
	ID       string    `json:"id"`
	Name     string    `json:"name"` // a directory's has a slash at the end
	By       string    `json:"by,omitempty"`
	To       string    `json:"to,omitempty"`
	Created  time.Time `json:"created"` // or first seen
	Expires  time.Time `json:"expires"`
	Uses     int       `json:"uses,omitempty"`
	Used     int       `json:"used,omitempty"`
	Password bool      `json:"password,omitempty"`
	Revoked  bool      `json:"revoked"`
}

// Show tells of a link that is kept.
func Show(l *state.Link) Shown {
	name := l.Path
	if l.Dir {
		name += "/"
	}
	return Shown{l.Key, l.ID, name, l.Issuer, l.To, l.Created, l.Expires, l.Uses, l.Used, l.Hash != "", l.Revoked}
}

// Made is what is told of a link when it is made, as JSON.
type Made struct {
	URL     string    `json:"url"`
	ID      string    `json:"id"`
	Key     string    `json:"key"`
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"`
}
