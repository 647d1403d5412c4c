package rootbound

import (
	"errors"
	"io/fs"
	"net/http"

	"github.com/rootbound/rootbound/internal/reason"
)

// statuses is the one table from error to status. The first match wins; anything unknown is the 404. The error's
// own text never reaches a client: it may name what the file system holds, and so is for the log alone.
var statuses = []struct {
	err    error
	status int
}{
	{ErrMalformed, http.StatusBadRequest},
	{ErrUnauthenticated, http.StatusUnauthorized},
	{ErrRefused, http.StatusForbidden},
	{ErrNotFound, http.StatusNotFound},
	{ErrExpired, http.StatusNotFound},
	{ErrMethod, http.StatusMethodNotAllowed},
	{ErrExists, http.StatusConflict},
	{ErrPrecondition, http.StatusPreconditionFailed},
	{ErrTooLarge, http.StatusRequestEntityTooLarge},
	{ErrRange, http.StatusRequestedRangeNotSatisfiable},
	{ErrMisdirected, http.StatusMisdirectedRequest},
	{ErrRateLimited, http.StatusTooManyRequests},
	{ErrLocked, http.StatusTooManyRequests},
	{ErrUnimplemented, http.StatusNotImplemented},
	{ErrUnavailable, http.StatusServiceUnavailable},
	{ErrNoSpace, http.StatusInsufficientStorage},
	{ErrSlowRequest, http.StatusRequestTimeout},
	{ErrUpstream, http.StatusBadGateway},
	{ErrUpstreamSlow, http.StatusGatewayTimeout},
}

// Status returns the status that answers an error of this package: 404 for one it does not know, 200 for nil.
func Status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if pe, ok := err.(*fs.PathError); ok { // as nearly all are; errors.Is takes its time
		if e, ok := pe.Err.(*reason.Error); ok {
			return statusOfKind(reason.Lookup(e.Code).Kind)
		}
	}
	for _, row := range statuses {
		if errors.Is(err, row.err) {
			return row.status
		}
	}
	return http.StatusNotFound
}

// statusOfKind is Status for one of the sentinels.
func statusOfKind(kind error) int {
	for _, row := range statuses {
		if kind == row.err {
			return row.status
		}
	}
	return http.StatusNotFound
}
