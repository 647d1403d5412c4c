package probe

import (
	"bytes"
	"strconv"
	"strings"
)

// request is what goes over the wire, as bytes.
type request struct {
	method, target string
	headers        []string // whole lines without their end; Host, Connection and Content-Length are ours
	body           []byte
}

// field is one header line of an answer.
type field struct{ name, value string }

// answer is one response, as far as it was read. A server that closes the connection without one has status 0.
type answer struct {
	status int
	header []field
	body   []byte
	cut    bool // there was more, or it was broken off
	late   bool // it was cut because it took too long
	proto  string
}

// get returns the first value of a header, whose name is compared without case.
func (a *answer) get(name string) string {
	for _, f := range a.header {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// head is status and headers as text, to look for secrets and paths in.
func (a *answer) head() []byte {
	var b bytes.Buffer
	b.WriteString(strconv.Itoa(a.status) + "\r\n")
	for _, f := range a.header {
		b.WriteString(f.name + ": " + f.value + "\r\n")
	}
	return b.Bytes()
}

// redirect is the target of a redirection, or "".
func (a *answer) redirect() string {
	if a.status >= 300 && a.status < 400 {
		return a.get("Location")
	}
	return ""
}
