package authz

import (
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/request"
)

// Whatever a file of policies or groups holds, it is taken or refused with its place; and what is taken decides.
func FuzzSource(f *testing.F) {
	f.Add(policies, "staff: alice")
	f.Add(`permit (principal, action, resource) when { resource.path like "*" && resource in Directory::"a" };`, "")
	f.Add(`@refuse("403") forbid (principal is User in Group::"g", action, resource is File in Directory::"");`, "g:\n")
	f.Fuzz(func(t *testing.T, text, groups string) {
		a, err := New(Source{Policies: []byte(text), PoliciesName: "p", Groups: []byte(groups), GroupsName: "g"})
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("refused without a word")
			}
			return
		}
		for _, who := range []request.Subject{{}, {ID: "alice"}, {ID: "x", Method: MethodLink}} {
			for _, right := range []request.Right{request.Read, request.List} {
				of := Resource{Name: "a/b"}
				first, again := a.Decide(who, right, of), a.Decide(who, right, of)
				if e := a.Explain(who, right, of); first != again || e.Allowed != first.Allowed {
					t.Errorf("%v %s: %+v, then %+v, explained %+v", who, right, first, again, e)
				}
			}
		}
	})
}
