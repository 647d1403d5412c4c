package reason

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "append new codes to the golden list")

// TestGolden: the list is append-only. Old records and dashboards hold the codes, so a line that was changed, moved or
// removed is an error that -update does not mend.
func TestGolden(t *testing.T) {
	const golden = "testdata/reasons.golden"
	b, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.FieldsFunc(string(b), func(c rune) bool { return c == '\n' })
	var got []string
	for _, e := range All() {
		got = append(got, fmt.Sprintf("%s\t%s", e.Code, e.Kind))
	}
	for i, line := range want {
		if i >= len(got) || got[i] != line {
			t.Fatalf("line %d of the list was %q: published codes stay as and where they are", i+1, line)
		}
	}
	if len(got) == len(want) {
		return
	}
	if !*update {
		t.Fatalf("new codes %q: go test ./internal/reason -update", got[len(want):])
	}
	if err := os.WriteFile(golden, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestList(t *testing.T) {
	seen := map[Code]bool{}
	for _, e := range All() {
		if seen[e.Code] {
			t.Errorf("%q stands twice", e.Code)
		}
		seen[e.Code] = true
		if strings.Trim(string(e.Code), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || e.Kind == nil || e.Text == "" || strings.HasSuffix(e.Text, ".") {
			t.Errorf("entry %+v", e)
		}
		err := fmt.Errorf("wrapped: %w", New(e.Code, fs.ErrPermission))
		if Of(err) != e.Code || !errors.Is(err, e.Kind) || !strings.Contains(err.Error(), e.Text) {
			t.Errorf("%q: Of = %q, %v", e.Code, Of(err), err)
		}
		if got, want := errors.Is(err, fs.ErrNotExist), e.Kind == ErrNotFound || e.Kind == ErrExpired; got != want {
			t.Errorf("%q is fs.ErrNotExist: %v, want %v", e.Code, got, want)
		}
		if got, want := errors.Is(err, fs.ErrPermission), e.Kind == ErrRefused; got != want {
			t.Errorf("%q is fs.ErrPermission: %v, want %v; a cause is never unwrapped", e.Code, got, want)
		}
	}
	if e := Lookup("no-such-code"); e.Code != Unforeseen {
		t.Errorf("Lookup of an unknown code = %+v", e)
	}
	if Of(nil) != "" || Of(errors.New("x")) != Unforeseen {
		t.Error("Of")
	}
	if !errors.Is(New(Closed, nil), fs.ErrClosed) || !errors.Is(New(Exists, nil), fs.ErrExist) || !errors.Is(New(NameNUL, nil), fs.ErrInvalid) {
		t.Error("kinds of io/fs")
	}
}
