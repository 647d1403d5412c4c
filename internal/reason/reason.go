// Package reason is the one list of reason codes: why a request was refused. The same codes stand in errors, in
// the log, in metrics, in audit records and in the findings of the verification tools.
//
// The list is append-only: a code that was once published keeps its meaning, because old records and dashboards
// hold it. A golden test guards that.
package reason

import (
	"errors"
	"io/fs"
)

// Code is a reason code, e.g. "name-traversal". Codes are lower case, hyphenated, and safe as metric labels.
type Code string

// The codes of each stage, in the order of the list below.
const (
	NameEmpty            Code = "name-empty"
	NameEncoding         Code = "name-encoding"
	NameUTF8             Code = "name-utf8"
	NameNUL              Code = "name-nul"
	NameControl          Code = "name-control"
	NameFragment         Code = "name-fragment"
	NameRepeated         Code = "name-repeated"
	NameDot              Code = "name-dot"
	NameTraversal        Code = "name-traversal"
	NameAbsolute         Code = "name-absolute"
	NameEmptyElement     Code = "name-empty-element"
	NameBackslash        Code = "name-backslash"
	NameEncodedSeparator Code = "name-encoded-separator"
	NameReserved         Code = "name-reserved"
	NameHidden           Code = "name-hidden"
	NameTooLong          Code = "name-too-long"
	NamePortable         Code = "name-portable"
	NameStrict           Code = "name-strict"
	NameDenied           Code = "name-denied"
	NamePolicy           Code = "name-policy"

	CredentialMissing Code = "credential-missing"
	CredentialInvalid Code = "credential-invalid"
	LockedOut         Code = "locked-out"
	RateLimited       Code = "rate-limited"

	NoGrant     Code = "no-grant"
	Forbidden   Code = "forbidden"
	Expired     Code = "expired"
	LinkInvalid Code = "link-invalid"
	LinkSpent   Code = "link-spent"
	LinkRevoked Code = "link-revoked"

	Missing          Code = "missing"
	LinkEscape       Code = "link-escape"
	LinkRefused      Code = "link-refused"
	LinkLoop         Code = "link-loop"
	SpecialFile      Code = "special-file"
	Directory        Code = "directory"
	NotDirectory     Code = "not-directory"
	HardLink         Code = "hard-link"
	Unreadable       Code = "unreadable"
	OpenedName       Code = "opened-name"
	OpenedUnknown    Code = "opened-name-unknown"
	Unforeseen       Code = "unforeseen"
	ShortDescriptors Code = "short-descriptors"
	ShortMemory      Code = "short-memory"
	ShortOpens       Code = "short-opens"
	InputOutput      Code = "input-output"
	Stale            Code = "stale"
	Busy             Code = "busy"
	Closed           Code = "closed"

	MethodNotAllowed   Code = "method-not-allowed"
	MethodUnknown      Code = "method-unknown"
	PreconditionFailed Code = "precondition-failed"
	RangeUnsatisfiable Code = "range-unsatisfiable"
	MalformedHTTP      Code = "malformed-http"
	HostMisdirected    Code = "host-misdirected"
	ProxyUntrusted     Code = "proxy-untrusted"
	Overloaded         Code = "overloaded"
	ChangedWhileSent   Code = "changed-while-sent"
	ListingOff         Code = "listing-off"

	Exists     Code = "exists"
	TooLarge   Code = "too-large"
	NoSpace    Code = "no-space"
	ReadOnly   Code = "read-only"
	NotDurable Code = "not-durable"
	Unwritable Code = "unwritable"

	NotRecorded Code = "not-recorded"

	UpstreamDown    Code = "upstream-down"
	UpstreamSlow    Code = "upstream-slow"
	UpstreamInvalid Code = "upstream-invalid"
	UpstreamError   Code = "upstream-error"
	FileOutside     Code = "file-outside"
	FileUnexpected  Code = "file-unexpected"
	FileMalformed   Code = "file-malformed"
	RouteSpelling   Code = "route-spelling"
	AskRefused      Code = "ask-refused"
	AskFailed       Code = "ask-failed"
	BodySlow        Code = "body-slow"

	ShortHashing     Code = "short-hashing"
	StateUnavailable Code = "state-unavailable"

	CrossOrigin         Code = "cross-origin"
	FormMalformed       Code = "form-malformed"
	FormForeign         Code = "form-foreign"
	ProviderUnavailable Code = "provider-unavailable"
	LinkAsks            Code = "link-asks"
)

// A kind is what a client is told: several codes share one.
var (
	// ErrMalformed: what was asked for is not a name at all.
	ErrMalformed = errors.New("malformed name")
	// ErrUnauthenticated: nobody said who asks, or what they said does not hold.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrRefused: the name, or policy, forbids it whatever the file system holds.
	ErrRefused = errors.New("refused by policy")
	// ErrNotFound: nothing to be had under that name, whatever the reason. It is what a file system's answer becomes.
	ErrNotFound = errors.New("not found")
	// ErrExpired: a link or credential was good once.
	ErrExpired = errors.New("expired")
	// ErrMethod: a known method that is not served here.
	ErrMethod = errors.New("method not allowed")
	// ErrExists: a create met a file of that name.
	ErrExists = errors.New("already exists")
	// ErrPrecondition: an If-Match or If-Unmodified-Since did not hold (RFC 9110 13.1).
	ErrPrecondition = errors.New("precondition failed")
	// ErrTooLarge: an upload passed its bound.
	ErrTooLarge = errors.New("too large")
	// ErrRange: no requested range can be had (RFC 9110 15.5.17).
	ErrRange = errors.New("range not satisfiable")
	// ErrMisdirected: this server does not answer for that host (RFC 9110 15.5.20).
	ErrMisdirected = errors.New("misdirected request")
	// ErrRateLimited: too many requests from there.
	ErrRateLimited = errors.New("too many requests")
	// ErrLocked: too many failed attempts for this account from there.
	ErrLocked = errors.New("locked out")
	// ErrUnimplemented: a method nobody knows.
	ErrUnimplemented = errors.New("method not implemented")
	// ErrUnavailable: a shortage or fault of our own that says nothing about the name. Asking again may help.
	ErrUnavailable = errors.New("temporarily unavailable")
	// ErrNoSpace: nothing more can be stored.
	ErrNoSpace = errors.New("no space left")
	// ErrSlowRequest: the client did not send the rest of its request (RFC 9110 15.5.9).
	ErrSlowRequest = errors.New("request timeout")
	// ErrUpstream: the application behind a gate gave no answer that can be passed on (RFC 9110 15.6.3).
	ErrUpstream = errors.New("bad gateway")
	// ErrUpstreamSlow: the application behind a gate did not answer in time (RFC 9110 15.6.5).
	ErrUpstreamSlow = errors.New("gateway timeout")
)

// Entry is one line of the list.
type Entry struct {
	Code Code
	Kind error  // one of the sentinels above
	Text string // one sentence for operators; it never holds a name or a path
}

// list is append-only; see the package comment.
var list = []Entry{
	{NameEmpty, ErrMalformed, "the name is empty"},
	{NameEncoding, ErrMalformed, "the name has a bad percent-encoding"},
	{NameUTF8, ErrMalformed, "the name is not valid UTF-8"},
	{NameNUL, ErrMalformed, "the name holds a NUL"},
	{NameControl, ErrMalformed, "the name holds a control character"},
	{NameFragment, ErrMalformed, "the request target holds a '#'"},
	{NameRepeated, ErrMalformed, "the name was given more than once"},
	{NameDot, ErrRefused, "an element of the name is '.'"},
	{NameTraversal, ErrRefused, "an element of the name is '..'"},
	{NameAbsolute, ErrRefused, "the name is absolute"},
	{NameEmptyElement, ErrRefused, "an element of the name is empty"},
	{NameBackslash, ErrRefused, "the name holds a backslash"},
	{NameEncodedSeparator, ErrRefused, "an element of the name holds an encoded '/'"},
	{NameReserved, ErrRefused, "the name is reserved"},
	{NameHidden, ErrRefused, "an element of the name is hidden"},
	{NameTooLong, ErrRefused, "the name or an element of it is too long"},
	{NamePortable, ErrRefused, "another system would misread the name"},
	{NameStrict, ErrRefused, "the name is not on the strict allowlist"},
	{NameDenied, ErrRefused, "the name is denied, or not among the allowed ones"},
	{NamePolicy, ErrRefused, "the caller's own policy refused the name"},

	{CredentialMissing, ErrUnauthenticated, "no credential was presented"},
	{CredentialInvalid, ErrUnauthenticated, "the credential does not hold"},
	{LockedOut, ErrLocked, "too many failed attempts"},
	{RateLimited, ErrRateLimited, "too many requests"},

	{NoGrant, ErrNotFound, "no grant allows it"},
	{Forbidden, ErrRefused, "a policy that asks for 403 forbids it"},
	{Expired, ErrExpired, "the link or credential has expired"},
	{LinkInvalid, ErrNotFound, "the signed link does not hold"},
	{LinkSpent, ErrNotFound, "the signed link was used up"},
	{LinkRevoked, ErrNotFound, "the signed link was revoked"},

	{Missing, ErrNotFound, "there is no such file"},
	{LinkEscape, ErrNotFound, "the name leads out of the base directory"},
	{LinkRefused, ErrNotFound, "the name leads through a symbolic link"},
	{LinkLoop, ErrNotFound, "the name leads through too many symbolic links"},
	{SpecialFile, ErrNotFound, "not a regular file"},
	{Directory, ErrNotFound, "the name is that of a directory"},
	{NotDirectory, ErrNotFound, "an element on the way is not a directory"},
	{HardLink, ErrNotFound, "the file has other names (hard links)"},
	{Unreadable, ErrNotFound, "the system refuses to read the file"},
	{OpenedName, ErrNotFound, "the opened file's own name is refused by policy"},
	{OpenedUnknown, ErrNotFound, "the opened file's own name cannot be known"},
	{Unforeseen, ErrNotFound, "an error nobody foresaw"},
	{ShortDescriptors, ErrUnavailable, "out of file descriptors"},
	{ShortMemory, ErrUnavailable, "out of memory"},
	{ShortOpens, ErrUnavailable, "too many opens of this base directory are blocked"},
	{InputOutput, ErrUnavailable, "input/output error"},
	{Stale, ErrUnavailable, "stale or unreachable network file system"},
	{Busy, ErrUnavailable, "the file is held by another program or kept changing"},
	{Closed, ErrUnavailable, "the base directory was closed"},

	{MethodNotAllowed, ErrMethod, "the method is not served here"},
	{MethodUnknown, ErrUnimplemented, "nobody knows the method"},
	{PreconditionFailed, ErrPrecondition, "a precondition of the request failed"},
	{RangeUnsatisfiable, ErrRange, "no requested range can be had"},
	{MalformedHTTP, ErrMalformed, "the request is not well-formed HTTP"},
	{HostMisdirected, ErrMisdirected, "the Host is not one this server answers for"},
	{ProxyUntrusted, ErrMisdirected, "the request came through a proxy that is not trusted"},
	{Overloaded, ErrUnavailable, "the server is at its connection limit"},
	{ChangedWhileSent, ErrUnavailable, "the file changed while it was sent"},
	{ListingOff, ErrNotFound, "the directory may not be listed"},

	{Exists, ErrExists, "a file of that name exists"},
	{TooLarge, ErrTooLarge, "the upload is larger than allowed"},
	{NoSpace, ErrNoSpace, "no space is left"},
	{ReadOnly, ErrRefused, "the base directory was not opened for writing"},
	{NotDurable, ErrUnavailable, "the file could not be made durable"},
	{Unwritable, ErrNotFound, "the system refuses to write there"},

	{NotRecorded, ErrUnavailable, "the audit record could not be kept, and without it nothing is sent"},
	{UpstreamDown, ErrUpstream, "the application cannot be reached"},
	{UpstreamSlow, ErrUpstreamSlow, "the application did not answer in time"},
	{UpstreamInvalid, ErrUpstream, "the application's answer is not one"},
	{UpstreamError, ErrNotFound, "the application's own error, made the same for all"},
	{FileOutside, ErrNotFound, "the application named a file that is not beneath its directory"},
	{FileUnexpected, ErrNotFound, "the application named a file and has no directory"},
	{FileMalformed, ErrNotFound, "the application did not name one file"},
	{RouteSpelling, ErrNotFound, "another spelling of a route that the gate answers"},
	{AskRefused, ErrRefused, "the application says that this client may not"},
	{AskFailed, ErrUpstream, "the application did not say whether this client may"},
	{BodySlow, ErrSlowRequest, "the client sends its request too slowly"},

	{ShortHashing, ErrUnavailable, "too many passwords wait to be hashed"},
	{StateUnavailable, ErrUnavailable, "the accounts cannot be looked up"},

	{CrossOrigin, ErrRefused, "a page of another site asks with a session's cookie"},
	{FormMalformed, ErrMalformed, "what was posted is not a form of this server"},
	{FormForeign, ErrRefused, "the form was not shown to this browser, or not by this server"},
	{ProviderUnavailable, ErrUnavailable, "whoever says who it is cannot be reached"},
	{LinkAsks, ErrNotFound, "the signed link asks for its button to be pressed, or for its password, first"},
}

var byCode = func() map[Code]*Entry {
	m := make(map[Code]*Entry, len(list))
	for i := range list {
		m[list[i].Code] = &list[i]
	}
	return m
}()

// All returns the list, in its order. The caller owns the slice.
func All() []Entry { return append([]Entry(nil), list...) }

// Lookup returns the entry of a code; for a code that is not on the list, that of Unforeseen.
func Lookup(c Code) Entry {
	if e := byCode[c]; e != nil {
		return *e
	}
	return *byCode[Unforeseen]
}

// Error is a refusal: a reason and, where there is one, the system's own error. It matches (errors.Is) the
// sentinel of its kind; a refusal that depends on the file system also matches fs.ErrNotExist, one by policy
// fs.ErrPermission, so that code which knows only the standard library answers 404 and 403.
//
// The cause is not unwrapped, on purpose: EACCES would match fs.ErrPermission, and a caller that asks for that
// first would tell an unreadable file from a missing one.
type Error struct {
	Code  Code
	Cause error // never holds an absolute path; may be nil
}

// New returns a refusal.
func New(c Code, cause error) *Error { return &Error{Code: c, Cause: cause} }

func (e *Error) Error() string {
	s := Lookup(e.Code).Text
	if e.Cause != nil {
		s += " (" + e.Cause.Error() + ")"
	}
	return s
}

// Is says whether target is the sentinel of the refusal's kind, or a refusal for the same reason (and, where target
// has one, the same cause).
func (e *Error) Is(target error) bool {
	if t, ok := target.(*Error); ok {
		return t.Code == e.Code && (t.Cause == nil || t.Cause == e.Cause)
	}
	kind := Lookup(e.Code).Kind
	switch target {
	case kind:
		return true
	case fs.ErrNotExist:
		return kind == ErrNotFound || kind == ErrExpired
	case fs.ErrPermission:
		return kind == ErrRefused
	case fs.ErrExist:
		return kind == ErrExists
	case fs.ErrInvalid:
		return kind == ErrMalformed
	case fs.ErrClosed:
		return e.Code == Closed
	}
	return false
}

// Of returns the reason of an error: its code, Unforeseen for an error without one, "" for nil.
func Of(err error) Code {
	if err == nil {
		return ""
	}
	if pe, ok := err.(*fs.PathError); ok { // as nearly all are; errors.As takes its time
		if e, ok := pe.Err.(*Error); ok {
			return e.Code
		}
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Unforeseen
}
