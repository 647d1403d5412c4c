package authn

import (
	"errors"
	"strings"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// MethodProxy is the Subject.Method of whom a trusted proxy vouches for.
const MethodProxy = "proxy"

// Proxy takes a trusted proxy's word for who asks. It is a Method. It must be asked before all others: browsers send on what the
// proxy asked them for, such as a password of its own.
type Proxy struct{}

// Who reads what the proxy says. See Method.
func (Proxy) Who(f *request.Facts, _ bool) (request.Subject, bool, error) {
	if f.Word == nil {
		return request.Subject{}, false, nil
	}
	if !f.ByProxy {
		return request.Subject{}, true, reason.New(reason.ProxyUntrusted, nil)
	}
	who, err := wordOf(f.Word)
	if err != nil {
		return request.Subject{}, true, reason.New(reason.CredentialInvalid, err)
	}
	return who, !who.Anonymous(), nil
}

// wordOf is who the proxy says it is; anonymous where it says that it is nobody.
func wordOf(w *request.ProxyWord) (request.Subject, error) {
	if w.Twin || len(w.User) > 1 || len(w.Groups) > 1 {
		return request.Subject{}, errors.New("the proxy lets through what the client says of itself: a field stands twice, or in another spelling")
	}
	user := strings.Trim(strings.Join(w.User, ""), " \t")
	if user == "" {
		return request.Subject{}, nil
	}
	if user == "(null)" || strings.ContainsRune(user, ',') { // no value, as some write it; several in one
		return request.Subject{}, errors.New("the proxy names no one user")
	}
	if err := checkSubject(user); err != nil {
		return request.Subject{}, err
	}
	var groups []string
	for g := range strings.SplitSeq(strings.Join(w.Groups, ""), ",") {
		if g = strings.Trim(g, " \t"); g != "" {
			groups = append(groups, g)
		}
	}
	return request.Subject{ID: user, Groups: groups, Method: MethodProxy}, checkGroups(groups)
}
