// Package authz decides what a subject may do to a name: grants, deny overriding allow, as policies of the Cedar language.
//
// A grant of the configuration is translated into Cedar, and Cedar policies can be given beside them; one engine
// decides both. What it decides is remembered for each subject and directory, wherever all files of the directory are
// decided alike, so that asking for every request costs next to nothing. Nothing here blocks.
package authz

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// MethodLink is the Subject.Method of who came with a signed link. A link brings its own right; policies can only take it
// away.
const MethodLink = "link"

// Resource is what a right is asked for. Path is what the client sees: elements joined by "/", the first being the mount's
// name where it has one; "" is the top.
type Resource struct {
	// Mount and Name are the two parts of the path; Name is "." or "" for the mount's own directory.
	Mount, Name string
	// Dir says, of what is to be shared, that it is a directory. Other rights are of one or the other.
	Dir bool
}

func (r Resource) path() string {
	switch {
	case r.Name == "." || r.Name == "":
		return r.Mount
	case r.Mount == "":
		return r.Name
	}
	return r.Mount + "/" + r.Name
}

// isDir says whether the right is asked of a directory.
func (r Resource) isDir(right request.Right) bool {
	return right == request.List || right == request.Share && r.Dir
}

// Source is what is decided by.
type Source struct {
	Grants []Grant
	// Policies is the text of a file of Cedar policies, PoliciesName what errors call it.
	Policies     []byte
	PoliciesName string
	// Groups is the text of a file of groups (NAME: USER USER), GroupsName what errors call it.
	Groups     []byte
	GroupsName string
}

// Authorizer answers MAY. It is safe for concurrent use and never blocks.
type Authorizer struct{ now atomic.Pointer[set] }

// ErrNothing says that there is neither a grant nor a policy: nobody could have anything.
var ErrNothing = errors.New("no grant and no policy stands there: nobody could have anything")

// New makes an Authorizer. Its error is a *SourceError where something is wrong with the text, or ErrNothing.
func New(src Source) (*Authorizer, error) {
	a := new(Authorizer)
	return a, a.Replace(src)
}

// Replace decides by another source from now on, all that was remembered being forgotten. On an error everything stays as
// it was.
func (a *Authorizer) Replace(src Source) error {
	s, err := compile(src)
	if err != nil {
		return err
	}
	a.now.Store(s)
	return nil
}

// Policies is how many there are, a grant for a name that may be a file or a directory counting as two.
func (a *Authorizer) Policies() int { return len(a.now.Load().rules) }

// Anonymous says whether who presents no credential may have anything at all.
func (a *Authorizer) Anonymous() bool { return a.now.Load().anonymous }

// Decide says whether a subject has a right. List is asked of a directory, Share of either, every other right of a file. The subject of a
// link is denied only by what forbids: whether the link covers the name is for others to say.
func (a *Authorizer) Decide(who request.Subject, right request.Right, of Resource) request.Decision {
	s := a.now.Load()
	v := s.verdict(who, right, of)
	d := request.Decision{Allowed: v.allowed, Policy: v.policy, Private: true}
	if right != request.Read {
		d.Right = right
	}
	switch {
	case v.allowed:
		d.Private = who.Method == MethodLink || !who.Anonymous() && !s.verdict(request.Subject{}, right, of).allowed
	case v.forbidden403:
		d.Reason = reason.Forbidden
	default:
		d.Reason = reason.NoGrant
	}
	return d
}

// verdict is a decision that can be remembered.
type verdict struct {
	allowed      bool
	forbidden403 bool
	policy       string
}

// memoKey is what a verdict is remembered by. name is that of a directory where all files in it are decided alike, else
// of the file itself. groups are those that came with the subject: they may differ from one time to the next.
type memoKey struct {
	subject, method string
	groups          string
	right           request.Right
	mount, name     string
	exact, dir      bool
}

// maxRemembered bounds the verdicts that are remembered, and maxKey, in bytes, what each may keep.
const (
	maxRemembered = 32 << 10
	maxKey        = 1 << 10
)

// memo is forgotten with the set it belongs to, and when it is full.
type memo struct {
	mu   sync.RWMutex
	held map[memoKey]verdict
}

func (m *memo) get(k memoKey) (verdict, bool) {
	m.mu.RLock()
	v, ok := m.held[k]
	m.mu.RUnlock()
	return v, ok
}

func (m *memo) put(k memoKey, v verdict) {
	if len(k.subject)+len(k.groups)+len(k.mount)+len(k.name) > maxKey {
		return
	}
	// The request's memory is the request's.
	k.subject, k.groups, k.mount, k.name = strings.Clone(k.subject), strings.Clone(k.groups), strings.Clone(k.mount), strings.Clone(k.name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil || len(m.held) >= maxRemembered {
		m.held = map[memoKey]verdict{}
	}
	m.held[k] = v
}

// verdict decides, or remembers.
func (s *set) verdict(who request.Subject, right request.Right, of Resource) verdict {
	k := memoKey{subject: who.ID, right: right, mount: of.Mount, name: of.Name, dir: of.isDir(right)}
	if who.Method == MethodLink {
		k.method = MethodLink
	}
	if dir, ok := s.directory(right, of); ok {
		k.name = dir
	} else {
		k.exact = true
	}
	groups, known := joined(who.Groups)
	k.groups = groups
	if known {
		if v, ok := s.memo.get(k); ok {
			return v
		}
	}
	v, _ := s.ask(who, right, of)
	if known {
		s.memo.put(k, v)
	}
	return v
}

// joined is one text for a list of groups; ok is false where that could be another list's too.
func joined(groups []string) (text string, ok bool) {
	for _, g := range groups {
		if g == "" || strings.Contains(g, "\x00") {
			return "", false
		}
	}
	return strings.Join(groups, "\x00"), true
}

// directory is that of a file where all files in it are decided alike.
func (s *set) directory(right request.Right, of Resource) (string, bool) {
	if of.isDir(right) || s.conditions || of.Name == "." || of.Name == "" { // the last are in no directory of the mount
		return "", false
	}
	dir := ""
	if i := strings.LastIndexByte(of.Name, '/'); i >= 0 {
		dir = of.Name[:i]
	}
	if len(s.mixed) > 0 && s.mixed[Resource{Mount: of.Mount, Name: dir}.path()] {
		return "", false
	}
	return dir, true
}

// SourceError is what is wrong with a source.
type SourceError struct {
	// What is the grant ("grant[2]") or the file.
	What string
	// Line and Column say where in a file, from 1; 0 where that is not known.
	Line, Column int
	// Key is the key of a grant.
	Key          string
	Rule, Remedy string
}

func (e *SourceError) Error() string { return e.Place() + ": " + e.Rule + ". " + e.Remedy + "." }

// Place is What with line and column, or with the key.
func (e *SourceError) Place() string {
	p := e.What
	if e.Line > 0 {
		p += ":" + strconv.Itoa(e.Line)
		if e.Column > 0 {
			p += ":" + strconv.Itoa(e.Column)
		}
	}
	if e.Key != "" {
		p += "." + e.Key
	}
	return p
}
