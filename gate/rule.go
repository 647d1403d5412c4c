package gate

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

// placeholder stands in a rule where requests have the name.
const placeholder = "{name}"

// Rule is one route that the gate answers itself.
type Rule struct {
	text string
	// path is the route, or what stands before the name, with its final slash.
	path string
	// field is the field of the query that has the name; "" where the path has it.
	field string
	elems []string // of path, in the one spelling that all others are compared in
}

// ParseRule reads "GET /download?file={name}" or "GET /files/{name}". HEAD comes with GET.
func ParseRule(text string) (*Rule, error) {
	method, target, ok := strings.Cut(text, " ")
	if !ok || method != http.MethodGet {
		return nil, fmt.Errorf("a rule begins with GET and a space, such as 'GET /download?file=%s'", placeholder)
	}
	r := &Rule{text: text}
	path, query, hasQuery := strings.Cut(target, "?")
	if hasQuery {
		field, value, _ := strings.Cut(query, "=")
		if value != placeholder || field == "" || strings.ContainsAny(field, "&%+{}#") {
			return nil, fmt.Errorf("the query of a rule is one field and %s, such as ?file=%s", placeholder, placeholder)
		}
		r.path, r.field = path, field
	} else {
		before, ok := strings.CutSuffix(path, placeholder)
		if !ok || !strings.HasSuffix(before, "/") || before == "/" {
			return nil, fmt.Errorf("the path of a rule ends in an element %s beneath another, such as /files/%s, or its query has it", placeholder, placeholder)
		}
		r.path = before
	}
	route := r.path
	if !hasQuery {
		route = strings.TrimSuffix(route, "/")
	}
	if !name.IsRoute(route) {
		return nil, errors.New("the path of a rule is of letters, digits and '.', '_', '-' between single slashes; there are no patterns")
	}
	r.elems = canonical(r.path)
	return r, nil
}

func (r *Rule) String() string { return r.text }

// match says whether a path, as it was sent, is the rule's own spelling.
func (r *Rule) match(path string) bool {
	if r.field != "" {
		return path == r.path
	}
	return strings.HasPrefix(path, r.path)
}

// near says whether further reading could make an application take the path for the rule's. spelled is one of its
// readings.
func (r *Rule) near(spelled []string) bool {
	rest, ok := beneath(spelled, r.elems)
	switch {
	case !ok:
		return false
	case r.field == "" || len(rest) == 0:
		return true
	}
	// What follows a script is its own business (PATH_INFO, RFC 3875 4.1.5): the script is reached all the same.
	return strings.Contains(r.elems[len(r.elems)-1], ".")
}

// name is what the request asks for.
func (r *Rule) name(dir *rootbound.Dir, path, query string) (rootbound.Name, error) {
	if r.field != "" {
		return dir.NameFromQuery(query, r.field)
	}
	n, err := dir.NameFromPath("/" + strings.TrimPrefix(path, r.path))
	if err == nil && (n.IsBase() || n.WantsDir()) {
		return n, reason.New(reason.Directory, nil)
	}
	return n, err
}
