package authn

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/jwt"
)

// Bounds of who comes from elsewhere.
const (
	maxSubject   = 255 // bytes of an id (OpenID Connect Core 1.0, 2)
	maxGroups    = 512
	maxGroupName = 255
)

// ClockSkew is how far the clock of an issuer may be from ours.
const ClockSkew = time.Minute

// claimDefaults fills in what a configuration leaves out.
func claimDefaults(user, groups *string, now *func() time.Time) {
	if *user == "" {
		*user = "sub"
	}
	if *groups == "" {
		*groups = DefaultGroupsClaim
	}
	if *now == nil {
		*now = time.Now
	}
}

// checkSubject says why somebody known elsewhere by that id cannot be known by it here. Unlike a name of ours it may hold a ':'.
func checkSubject(id string) error {
	switch {
	case id == "":
		return errors.New("it names nobody")
	case len(id) > maxSubject:
		return errors.New("it names somebody by more than 255 bytes")
	case !plain(id) || strings.TrimSpace(id) != id:
		return errors.New("it names somebody by what is no plain text")
	case strings.HasPrefix(id, "link:"): // how the record calls who came by a link
		return errors.New(`it names somebody by what begins with "link:"`)
	}
	return nil
}

func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// checkTimes holds the registered claims of a token to what is expected (RFC 7519 4.1, RFC 8725 3.8, 3.9).
func checkTimes(c *jwt.Claims, issuer, audience string, now time.Time) error {
	if c.Expiry == nil {
		return errors.New("the token does not say when it ends")
	}
	return c.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}, ClockSkew)
}

// named takes the id and the groups from the claims. An address of mail is an id only where the issuer says that it was verified.
func named(payload []byte, idClaim, groupsClaim string) (id string, groups []string, err error) {
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil {
		return "", nil, errors.New("the claims are no JSON object")
	}
	if json.Unmarshal(claims[idClaim], &id) != nil {
		return "", nil, errors.New("the claim " + idClaim + " names nobody")
	}
	if err := checkSubject(id); err != nil {
		return "", nil, err
	}
	var verified bool
	if idClaim == "email" && (json.Unmarshal(claims["email_verified"], &verified) != nil || !verified) {
		return "", nil, errors.New("the address of mail is not verified")
	}
	groups, err = groupsOf(claims[groupsClaim])
	return id, groups, err
}

// groupsOf reads a claim that is a list of names, or one. One that is neither is an error: a group left out could be the one
// that a policy forbids something to.
func groupsOf(claim json.RawMessage) ([]string, error) {
	if len(claim) == 0 || string(claim) == "null" {
		return nil, nil
	}
	var groups []string
	var one string
	if json.Unmarshal(claim, &one) == nil {
		groups = []string{one}
	} else if json.Unmarshal(claim, &groups) != nil {
		return nil, errors.New("the groups are no list of names")
	}
	return groups, checkGroups(groups)
}

func checkGroups(groups []string) error {
	if len(groups) > maxGroups {
		return errors.New("there are too many groups")
	}
	for _, g := range groups {
		if g == "" || len(g) > maxGroupName || !plain(g) {
			return errors.New("the name of a group is none")
		}
	}
	return nil
}
