package authn

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Challenge is what a 401 says (RFC 7617 2, 2.1).
const Challenge = `Basic realm="rootbound", charset="UTF-8"`

// parseBasic reads what follows "Basic" (RFC 7617 2). Where decoders differ (line breaks, missing padding, trailing bits)
// it refuses: one credential has one spelling.
func parseBasic(token string) (name, password string, err error) {
	token = strings.Trim(token, " ")
	if strings.ContainsAny(token, "\r\n") {
		return "", "", invalid("the credential holds a line break")
	}
	b, decodeErr := base64.StdEncoding.Strict().DecodeString(token)
	if decodeErr != nil {
		return "", "", invalid("the credential is not Base64")
	}
	text := string(b)
	name, password, ok := strings.Cut(text, ":")
	if !ok {
		return "", "", invalid("the credential holds no ':'")
	}
	return name, password, checkPair(name, password)
}

// checkPair holds a user name and a password to what can be either.
func checkPair(name, password string) error {
	switch {
	case name == "":
		return invalid("the user name is empty")
	case len(name) > MaxName:
		return invalid("the user name is too long")
	case len(password) > MaxPassword:
		return invalid("the password is too long")
	case !utf8.ValidString(name) || !utf8.ValidString(password):
		return invalid("the credential is not UTF-8")
	case strings.ContainsFunc(name+password, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return invalid("the credential holds a control character")
	}
	return nil
}
