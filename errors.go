package rootbound

import "github.com/rootbound/rootbound/internal/reason"

// What a refusal is, as far as a client is told. Match with errors.Is; the finer reason is ReasonOf's.
//
// Refusals come as *fs.PathError whose Path is the name as it was requested, never a path of the system.
var (
	// ErrMalformed: what was asked for is not a name at all. 400.
	ErrMalformed = reason.ErrMalformed
	// ErrUnauthenticated: nobody said who asks, or what they said does not hold. 401.
	ErrUnauthenticated = reason.ErrUnauthenticated
	// ErrRefused: policy forbids the name, whatever the file system holds. 403. Also matches fs.ErrPermission.
	ErrRefused = reason.ErrRefused
	// ErrNotFound: nothing to be had under that name, whatever the reason. 404. Also matches fs.ErrNotExist.
	ErrNotFound = reason.ErrNotFound
	// ErrExpired: a link or a credential was good once. 404.
	ErrExpired = reason.ErrExpired
	// ErrMethod: the method is known but not served here. 405.
	ErrMethod = reason.ErrMethod
	// ErrExists: there is a file of that name already. 409. Also matches fs.ErrExist.
	ErrExists = reason.ErrExists
	// ErrPrecondition: a precondition of the request failed. 412.
	ErrPrecondition = reason.ErrPrecondition
	// ErrTooLarge: an upload passed its bound. 413.
	ErrTooLarge = reason.ErrTooLarge
	// ErrRange: no requested range can be had. 416.
	ErrRange = reason.ErrRange
	// ErrMisdirected: the request was meant for another host. 421.
	ErrMisdirected = reason.ErrMisdirected
	// ErrRateLimited: too many requests. 429.
	ErrRateLimited = reason.ErrRateLimited
	// ErrLocked: too many failed attempts. 429.
	ErrLocked = reason.ErrLocked
	// ErrUnimplemented: nobody knows the method. 501.
	ErrUnimplemented = reason.ErrUnimplemented
	// ErrUnavailable: a shortage or fault that says nothing about the name; asking again may help. 503.
	ErrUnavailable = reason.ErrUnavailable
	// ErrNoSpace: nothing more can be stored. 507.
	ErrNoSpace = reason.ErrNoSpace
	// ErrSlowRequest: the client did not send the rest of its request. 408.
	ErrSlowRequest = reason.ErrSlowRequest
	// ErrUpstream: the application behind a gate gave no answer that can be passed on. 502.
	ErrUpstream = reason.ErrUpstream
	// ErrUpstreamSlow: the application behind a gate did not answer in time. 504.
	ErrUpstreamSlow = reason.ErrUpstreamSlow
)

// Reason is a reason code such as "name-traversal" or "link-escape": why something was refused, from one list
// for errors, logs, metrics and records. It is for operators; clients are told the status alone.
type Reason = reason.Code

// ReasonOf returns the reason of a refusal, "unforeseen" for an error that has none, "" for nil.
func ReasonOf(err error) Reason { return reason.Of(err) }
