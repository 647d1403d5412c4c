package authz

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/rootbound/rootbound/internal/request"
)

// maxDepth bounds the elements of a path where policies have conditions, which may speak of any directory above: what lies
// deeper is denied.
const maxDepth = 128

// asked is one question to Cedar, with all that it may look up.
type asked struct {
	set       *set
	principal types.Entity
	resource  types.Entity
	above     []types.EntityUID // the directories above the resource that any policy may speak of, the top first
	action    types.EntityUID
}

// Get is Cedar's way to look up entities.
func (q *asked) Get(uid types.EntityUID) (types.Entity, bool) {
	switch uid {
	case q.principal.UID:
		return q.principal, true
	case q.resource.UID:
		return q.resource, true
	}
	return types.Entity{}, false
}

// candidates are the rules that may concern the question; all others cannot hold.
func (q *asked) candidates(groups []string) []*rule {
	var out []*rule
	take := func(who types.EntityUID) {
		of := q.set.index[who]
		if of == nil {
			return
		}
		out = append(out, of[types.EntityUID{}]...)
		out = append(out, of[q.resource.UID]...)
		for _, dir := range q.above {
			out = append(out, of[dir]...)
		}
	}
	take(types.EntityUID{})
	take(types.EntityUID{Type: q.principal.UID.Type})
	take(q.principal.UID)
	for _, g := range groups {
		take(types.NewEntityUID(typeGroup, types.String(g)))
	}
	slices.SortFunc(out, func(a, b *rule) int { return cmp.Compare(a.at, b.at) })
	return slices.Compact(out)
}

// rules is a cedar.PolicyIterator.
type rules []*rule

func (r rules) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, one := range r {
			if !yield(cedar.PolicyID(strconv.Itoa(one.at)), one.policy) {
				return
			}
		}
	}
}

// question is nil for what can only be denied.
func (s *set) question(who request.Subject, right request.Right, of Resource) (q *asked, groups []string) {
	path := of.path()
	if s.conditions && strings.Count(path, "/") >= maxDepth {
		return nil, nil
	}
	q = &asked{set: s, action: types.NewEntityUID(typeAction, types.String(right))}
	switch {
	case who.Method == MethodLink:
		q.principal = types.Entity{UID: types.NewEntityUID(typeLink, types.String(who.ID)), Attributes: types.NewRecord(types.RecordMap{"id": types.String(who.ID)})}
	case who.Anonymous():
		q.principal = types.Entity{UID: anonymousUID}
	default:
		groups = s.groupsOf(who)
		var parents []types.EntityUID
		for _, g := range groups {
			parents = append(parents, types.NewEntityUID(typeGroup, types.String(g)))
		}
		q.principal = types.Entity{
			UID: types.NewEntityUID(typeUser, types.String(who.ID)), Parents: types.NewEntityUIDSet(parents...),
			Attributes: types.NewRecord(types.RecordMap{"name": types.String(who.ID)}),
		}
	}
	uid := fileUID(path)
	if of.isDir(right) {
		uid = directoryUID(path)
	}
	q.above = s.above(path)
	q.resource = types.Entity{
		UID: uid, Parents: types.NewEntityUIDSet(q.above...),
		Attributes: types.NewRecord(types.RecordMap{"path": types.String(path), "name": types.String(path[strings.LastIndexByte(path, '/')+1:])}),
	}
	return q, groups
}

// above are the directories above a path, as deep as policies speak of any. They are all parents of the resource: what is
// asked is whether it is beneath one, not how far.
func (s *set) above(path string) []types.EntityUID {
	if path == "" {
		return nil
	}
	out := []types.EntityUID{directoryUID("")}
	deepest := s.depth
	if s.conditions {
		deepest = maxDepth
	}
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if len(out) > deepest {
			break
		}
		out = append(out, directoryUID(path[:i]))
	}
	return out
}

func (s *set) groupsOf(who request.Subject) []string {
	own := s.groups[who.ID]
	if len(who.Groups) == 0 {
		return own
	}
	return append(slices.Clone(who.Groups), own...)
}

// ask has Cedar decide. The rules are those that decided.
func (s *set) ask(who request.Subject, right request.Right, of Resource) (verdict, []*rule) {
	q, groups := s.question(who, right, of)
	if q == nil {
		return verdict{policy: "depth"}, nil
	}
	yes, diag := cedar.Authorize(rules(q.candidates(groups)), q, cedar.Request{Principal: q.principal.UID, Action: q.action, Resource: q.resource.UID})
	if len(diag.Errors) > 0 { // a policy that could not be evaluated was skipped, and may be one that forbids
		r := s.byID[diag.Errors[0].PolicyID]
		return verdict{policy: r.label}, []*rule{r}
	}
	var by []*rule
	for _, why := range diag.Reasons {
		by = append(by, s.byID[why.PolicyID])
	}
	v := verdict{allowed: bool(yes)}
	if len(by) > 0 {
		v.policy = by[0].label
	}
	switch {
	case v.allowed:
	case len(by) == 0 && who.Method == MethodLink: // nothing forbids what the link allows
		v.allowed = true
	default:
		v.forbidden403 = len(by) > 0 && !slices.ContainsFunc(by, func(r *rule) bool { return !r.refuse })
	}
	return v, by
}

// Explanation is a decision with its reasons.
type Explanation struct {
	Allowed bool
	// Status is that of the refusal: 404 or 403; 0 where it is allowed.
	Status int
	// Groups are those that the subject was taken to be in.
	Groups []string
	// By are the policies that decided; none where no policy speaks of it, which denies.
	By []PolicyText
}

// PolicyText is one policy, in Cedar.
type PolicyText struct{ Label, Cedar string }

// Explain decides anew, and tells by what.
func (a *Authorizer) Explain(who request.Subject, right request.Right, of Resource) Explanation {
	s := a.now.Load()
	v, by := s.ask(who, right, of)
	e := Explanation{Allowed: v.allowed, Groups: s.groupsOf(who)}
	switch {
	case v.forbidden403:
		e.Status = 403
	case !v.allowed:
		e.Status = 404
	}
	for _, r := range by {
		e.By = append(e.By, PolicyText{r.label, strings.TrimSpace(string(r.policy.MarshalCedar()))})
	}
	return e
}
