package authz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/request"
)

// Grant is the short form of the usual policy: who may do what, and where.
type Grant struct {
	// One of these says who: a user, a group, everybody who is authenticated, or anybody at all.
	User, Group           string
	Authenticated, Anyone bool
	// On is a path as clients see it: "reports/" is a directory and all beneath it, "/" everything, "reports/a.pdf" a file
	// or, should that be a directory, all beneath it.
	On string
	// May lists rights: read, list, create, replace, delete, share.
	May []string
	// Deny takes the rights away, whatever else grants them.
	Deny bool
	// Refuse is the status of what Deny takes away: 0 or 404, or 403.
	Refuse int
}

// Rights are those that a grant may name.
var Rights = []request.Right{request.Read, request.List, request.Create, request.Replace, request.Delete, request.Share}

// Check says what is wrong with a grant, by key, rule and remedy; "" in rule where nothing is.
func (g *Grant) Check() (key, rule, remedy string) {
	who := 0
	for _, said := range []bool{g.User != "", g.Group != "", g.Authenticated, g.Anyone} {
		if said {
			who++
		}
	}
	if who != 1 {
		return "", "it does not say who, or says it twice", `Write one of user = "NAME", group = "NAME", authenticated = true and anyone = true`
	}
	if g.On == "" {
		return "on", "it does not say on what", `Write on = "DIRECTORY/", on = "FILE", or on = "/" for everything`
	}
	if _, _, err := place(g.On); err != nil {
		return "on", fmt.Sprintf("%q can be the name of nothing that is served: %v", g.On, err), `Write it as clients see it, without the leading slash: on = "reports/2026/"`
	}
	if len(g.May) == 0 {
		return "may", "it grants nothing", `Write may = ["read", "list"]`
	}
	for _, m := range g.May {
		if !slices.Contains(Rights, request.Right(m)) {
			return "may", fmt.Sprintf("%q is no right", m), "The rights are read, list, create, replace, delete and share"
		}
	}
	switch {
	case g.Refuse != 0 && g.Refuse != 404 && g.Refuse != 403:
		return "refuse", fmt.Sprintf("%d is no status that a refusal may have", g.Refuse), "Write refuse = 403, or leave it out for the uniform 404"
	case g.Refuse == 403 && !g.Deny:
		return "refuse", "it refuses nothing", "Add deny = true, or leave refuse out"
	}
	return "", "", ""
}

// place reads On; dir says that it can only be a directory.
func place(on string) (path string, dir bool, err error) {
	path, dir = strings.CutSuffix(strings.TrimPrefix(on, "/"), "/")
	if path == "" {
		return "", true, nil
	}
	if strings.HasPrefix(on, "//") {
		path = on // is refused
	}
	return path, dir, name.Local(path)
}

// translate makes policies of a grant: one for a directory, two for a name that may be either.
func (g *Grant) translate() []*ast.Policy {
	path, dir, _ := place(g.On) // was checked
	in := g.policy()
	in.ResourceIn(directoryUID(path))
	onlyList := !slices.ContainsFunc(g.May, func(m string) bool { return request.Right(m) != request.List })
	if dir || onlyList { // files are not listed
		return []*ast.Policy{in}
	}
	eq := g.policy()
	eq.ResourceEq(fileUID(path))
	return []*ast.Policy{eq, in}
}

func (g *Grant) policy() *ast.Policy {
	p := ast.Permit()
	if g.Deny {
		p = ast.Forbid()
	}
	switch {
	case g.User != "":
		p.PrincipalEq(types.NewEntityUID(typeUser, types.String(g.User)))
	case g.Group != "":
		p.PrincipalIn(types.NewEntityUID(typeGroup, types.String(g.Group)))
	case g.Authenticated:
		p.PrincipalIs(typeUser)
	}
	var actions []types.EntityUID
	for _, m := range g.May {
		actions = append(actions, types.NewEntityUID(typeAction, types.String(m)))
	}
	p.ActionInSet(actions...)
	if g.Refuse == 403 {
		p.Annotate("refuse", "403")
	}
	return p
}
