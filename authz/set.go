package authz

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	xast "github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/rootbound/rootbound/internal/name"
)

// rule is one policy.
type rule struct {
	policy *cedar.Policy
	at     int    // among all
	label  string // for the record: "grant[2]", "FILE:12", or its @id
	refuse bool   // with 403
}

// set is all that is decided by at one time. It is not changed, but for what it remembers.
type set struct {
	rules  []*rule
	byID   map[types.PolicyID]*rule
	groups map[string][]string // of each user

	// index finds the rules that may concern a principal and a resource: those that name neither are at the zero UID.
	index map[types.EntityUID]map[types.EntityUID][]*rule
	// depth is how many elements the deepest path in a rule has.
	depth int
	// mixed are the directories that hold a file which is decided by itself.
	mixed map[string]bool
	// conditions says that some rule looks at more than who and where.
	conditions bool
	anonymous  bool

	memo memo
}

// compile reads, validates and sorts a source.
func compile(src Source) (*set, error) {
	s := &set{byID: map[types.PolicyID]*rule{}, index: map[types.EntityUID]map[types.EntityUID][]*rule{}, mixed: map[string]bool{}}
	for i := range src.Grants {
		what := fmt.Sprintf("grant[%d]", i)
		if key, rule, remedy := src.Grants[i].Check(); rule != "" {
			return nil, &SourceError{What: what, Key: key, Rule: rule, Remedy: remedy}
		}
		for _, p := range src.Grants[i].translate() {
			if err := s.add(cedar.NewPolicyFromAST(p), what, SourceError{What: what}); err != nil {
				return nil, err
			}
		}
	}
	if err := s.addText(src.Policies, src.PoliciesName); err != nil {
		return nil, err
	}
	if len(s.rules) == 0 {
		return nil, ErrNothing
	}
	var err error
	s.groups, err = parseGroups(src.Groups, src.GroupsName)
	return s, err
}

// position is where Cedar's parser says that it stands.
var position = regexp.MustCompile(`:(\d+):(\d+)\b:? *`)

func (s *set) addText(text []byte, file string) error {
	list, err := cedar.NewPolicyListFromBytes(file, text)
	if err != nil {
		e := &SourceError{What: file, Rule: strings.TrimPrefix(err.Error(), "parser error: "), Remedy: "Correct this place"}
		if m := position.FindStringSubmatchIndex(e.Rule); m != nil {
			e.Line, _ = strconv.Atoi(e.Rule[m[2]:m[3]])
			e.Column, _ = strconv.Atoi(e.Rule[m[4]:m[5]])
			e.Rule = strings.TrimSpace(e.Rule[m[1]:])
		}
		return e
	}
	for _, p := range list {
		pos := p.Position()
		label := fmt.Sprintf("%s:%d", file, pos.Line)
		if id := p.Annotations()["id"]; id != "" {
			label = string(id)
		}
		if err := s.add(p, label, SourceError{What: file, Line: pos.Line, Column: pos.Column}); err != nil {
			return err
		}
	}
	return nil
}

// add validates one policy and finds out what it concerns.
func (s *set) add(p *cedar.Policy, label string, at SourceError) error {
	fail := func(rule, remedy string) error {
		at.Rule, at.Remedy = rule, remedy
		return &at
	}
	v, err := validator()
	if err != nil {
		return err
	}
	tree := (*xast.Policy)(p.AST())
	if err := v.Policy(label, tree); err != nil {
		return fail(strings.ReplaceAll(err.Error(), "\n", "; "), "Correct the policy: one that cannot be evaluated would be skipped")
	}
	r := &rule{policy: p, at: len(s.rules), label: label}
	switch p.Annotations()["refuse"] {
	case "":
	case "403":
		r.refuse = true
	default:
		return fail("@refuse says neither 403 nor nothing", `Write @refuse("403"), or leave it out for the uniform 404`)
	}
	who, anyone := principalOf(tree.Principal)
	on := resourceOf(tree.Resource)
	if rule := s.misplaced(on); rule != "" {
		return fail(rule, `Write paths as clients see them: no slash at either end, "" for the top`)
	}
	s.conditions = s.conditions || len(tree.Conditions) > 0
	s.anonymous = s.anonymous || bool(p.Effect()) && anyone
	s.rules = append(s.rules, r)
	s.byID[types.PolicyID(strconv.Itoa(r.at))] = r
	if s.index[who] == nil {
		s.index[who] = map[types.EntityUID][]*rule{}
	}
	s.index[who][on] = append(s.index[who][on], r)
	return nil
}

// misplaced says why a resource can never be asked about, which would make a forbid worth nothing, and notes its depth.
func (s *set) misplaced(on types.EntityUID) string {
	if on.IsZero() {
		return ""
	}
	path := string(on.ID)
	if path == "" && on.Type == typeDirectory {
		return ""
	}
	if err := name.Local(path); err != nil {
		return fmt.Sprintf("%s can be the name of nothing that is served: %v", on, err)
	}
	s.depth = max(s.depth, strings.Count(path, "/")+1)
	if on.Type == typeFile {
		s.mixed[parentOf(path)] = true
	}
	return ""
}

// principalOf is the entity that a scope names: the type's own for "is", none for everybody. anyone says that who is not
// authenticated is among them.
func principalOf(scope xast.IsPrincipalScopeNode) (uid types.EntityUID, anyone bool) {
	switch n := scope.(type) {
	case xast.ScopeTypeEq:
		return n.Entity, n.Entity == anonymousUID
	case xast.ScopeTypeIn:
		return n.Entity, n.Entity == anonymousUID
	case xast.ScopeTypeIsIn:
		return n.Entity, n.Entity == anonymousUID
	case xast.ScopeTypeIs:
		return types.EntityUID{Type: n.Type}, n.Type == typeAnonymous
	}
	return types.EntityUID{}, true
}

func resourceOf(scope xast.IsResourceScopeNode) types.EntityUID {
	switch n := scope.(type) {
	case xast.ScopeTypeEq:
		return n.Entity
	case xast.ScopeTypeIn:
		return n.Entity
	case xast.ScopeTypeIsIn:
		return n.Entity
	}
	return types.EntityUID{}
}

// parentOf is the directory that a path is in; "" is the top.
func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}
