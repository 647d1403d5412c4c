package rootbound

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// exported are the sentinels by name; the test below holds it to errors.go.
var exported = map[string]error{
	"ErrMalformed": ErrMalformed, "ErrUnauthenticated": ErrUnauthenticated, "ErrRefused": ErrRefused, "ErrNotFound": ErrNotFound, "ErrExpired": ErrExpired,
	"ErrMethod": ErrMethod, "ErrExists": ErrExists, "ErrPrecondition": ErrPrecondition, "ErrTooLarge": ErrTooLarge, "ErrRange": ErrRange,
	"ErrMisdirected": ErrMisdirected, "ErrRateLimited": ErrRateLimited, "ErrLocked": ErrLocked, "ErrUnimplemented": ErrUnimplemented,
	"ErrUnavailable": ErrUnavailable, "ErrNoSpace": ErrNoSpace, "ErrSlowRequest": ErrSlowRequest, "ErrUpstream": ErrUpstream, "ErrUpstreamSlow": ErrUpstreamSlow,
}

func TestStatusTable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, id := range spec.Names {
				found++
				if exported[id.Name] == nil {
					t.Errorf("%s is not in this test", id.Name)
				}
			}
		}
		return true
	})
	if found != len(exported) || len(statuses) != len(exported) {
		t.Errorf("%d sentinels, %d in this test, %d rows in status.go", found, len(exported), len(statuses))
	}
	rows := map[error]int{}
	for _, row := range statuses {
		if rows[row.err] != 0 {
			t.Errorf("%v has two rows", row.err)
		}
		rows[row.err] = row.status
	}
	for name, err := range exported {
		if rows[err] == 0 {
			t.Errorf("%s has no row in status.go", name)
		}
		if got := Status(fmt.Errorf("wrapped: %w", err)); got != rows[err] {
			t.Errorf("Status(%s) = %d, want %d", name, got, rows[err])
		}
	}
}

func TestEveryReasonHasAStatus(t *testing.T) {
	for _, e := range reason.All() {
		known := false
		for _, row := range statuses {
			known = known || row.err == e.Kind
		}
		err := refusal("open", "x", reason.New(e.Code, nil))
		if !known || sentences[Status(err)] == "" {
			t.Errorf("%q: status %d, row %v", e.Code, Status(err), known)
		}
	}
}

func TestStatusOfOthers(t *testing.T) {
	for err, want := range map[error]int{nil: 200, errors.New("unforeseen"): 404, fs.ErrPermission: 404, fs.ErrNotExist: 404} {
		if got := Status(err); got != want {
			t.Errorf("Status(%v) = %d, want %d", err, got, want)
		}
	}
}
