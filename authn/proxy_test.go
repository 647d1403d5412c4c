package authn

import (
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Nobody's word but a trusted proxy's is taken, even where nobody asked before whose it is.
func TestProxyWord(t *testing.T) {
	f := &request.Facts{Word: &request.ProxyWord{User: []string{"alice"}, Groups: []string{" staff ,,night"}}}
	if s, ok, err := (Proxy{}).Who(f, false); !ok || reason.Of(err) != reason.ProxyUntrusted || s.ID != "" {
		t.Errorf("somebody: %v, %v, %v", s, ok, err)
	}
	f.ByProxy = true
	if s, ok, err := (Proxy{}).Who(f, false); !ok || err != nil || s.ID != "alice" || strings.Join(s.Groups, "|") != "staff|night" || s.Method != MethodProxy {
		t.Errorf("the proxy: %v, %v, %v", s, ok, err)
	}
	if _, ok, err := (Proxy{}).Who(&request.Facts{ByProxy: true}, false); ok || err != nil {
		t.Errorf("no word: %v, %v", ok, err)
	}
}

// FuzzProxyWord: no word is a panic, and who is taken is one plain name that stands there once.
func FuzzProxyWord(f *testing.F) {
	f.Add("alice", "staff, night", false)
	f.Add("(null)", "", true)
	f.Fuzz(func(t *testing.T, user, groups string, twin bool) {
		who, err := wordOf(&request.ProxyWord{User: []string{user}, Groups: []string{groups}, Twin: twin})
		if err == nil && (twin && !who.Anonymous() || who.ID != strings.Trim(user, " \t") || strings.ContainsAny(who.ID, ",\n\x00")) {
			t.Errorf("%q is taken for %q", user, who.ID)
		}
	})
}
