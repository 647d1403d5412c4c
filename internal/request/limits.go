package request

import "strings"

// Limits are what a credential is held to, whatever else its subject may do. They only take away.
type Limits struct {
	// Rights that are left; none is all.
	Rights []Right
	// On are files and directories (with a slash at the end) that are left, as clients see them; none is all. One without
	// a slash is, should it be a directory, all beneath it too, as in a grant.
	On []string
}

// Allow says whether a right to what clients see at path, without a slash at either end ("" is the top), is left. Nil
// Limits leave everything.
func (l *Limits) Allow(right Right, path string) bool {
	if l == nil {
		return true
	}
	return l.allowRight(right) && l.allowPath(path)
}

func (l *Limits) allowRight(right Right) bool {
	for _, r := range l.Rights {
		if r == right {
			return true
		}
	}
	return len(l.Rights) == 0
}

// allowPath compares element by element: "reports" says nothing about "reports2".
func (l *Limits) allowPath(path string) bool {
	for _, on := range l.On {
		on = strings.Trim(on, "/")
		if on == "" || path == on || strings.HasPrefix(path, on) && path[len(on)] == '/' {
			return true
		}
	}
	return len(l.On) == 0
}
