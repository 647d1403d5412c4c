package store

import (
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/state"
)

// Bounds of what is kept, in bytes.
const (
	maxText = 1 << 10  // a name, a label, a hash
	maxPath = 8 << 10  // twice what Linux opens
	maxList = 64 << 10 // all of a list
)

// text is one that is kept as such, and what to call it in an error.
type text struct{ what, value string }

// check refuses what the two databases keep differently: PostgreSQL knows neither NUL nor broken UTF-8 in a text, and
// SQLite keeps both and compares only up to the NUL.
func check(texts ...text) error {
	for _, t := range texts {
		switch {
		case len(t.value) > maxText:
			return invalid(t.what, fmt.Sprintf("is longer than %d bytes", maxText))
		case !utf8.ValidString(t.value):
			return invalid(t.what, "is not UTF-8")
		case strings.Contains(t.value, "\x00"):
			return invalid(t.what, "holds a NUL")
		}
	}
	return nil
}

func invalid(what, why string) error { return fmt.Errorf("%w: its %s %s", state.ErrInvalid, what, why) }

// known says whether a key can be that of a record at all.
func known(texts ...string) error {
	for _, t := range texts {
		if check(text{"key", t}) != nil {
			return state.ErrNotFound
		}
	}
	return nil
}

// checkPath refuses a path that no file has. It may hold any other bytes.
func checkPath(path string) error {
	switch {
	case len(path) > maxPath:
		return invalid("path", fmt.Sprintf("is longer than %d bytes", maxPath))
	case strings.Contains(path, "\x00"):
		return invalid("path", "holds a NUL")
	}
	return nil
}

// checkList refuses a list that could not be read back.
func checkList(what string, texts []string) error {
	size := 0
	for _, t := range texts {
		if t == "" || strings.Contains(t, "\x00") {
			return invalid(what, "hold an empty text or a NUL")
		}
		size += len(t) + 1
	}
	if size > maxList {
		return invalid(what, fmt.Sprintf("are longer than %d bytes", maxList))
	}
	return nil
}

// texts is a list in a column: a NUL between them, which none of them holds.
type texts []string

// Value implements driver.Valuer.
func (t texts) Value() (driver.Value, error) { return []byte(strings.Join(t, "\x00")), nil }

// Scan implements sql.Scanner.
func (t *texts) Scan(column any) error {
	b, ok := column.([]byte)
	if !ok {
		return fmt.Errorf("a list is kept as %T", column)
	}
	*t = nil
	if len(b) > 0 {
		*t = strings.Split(string(b), "\x00")
	}
	return nil
}

// moment is a time in a column: microseconds, 0 for none.
type moment time.Time

// Value implements driver.Valuer.
func (m moment) Value() (driver.Value, error) { return micros(time.Time(m)), nil }

// Scan implements sql.Scanner.
func (m *moment) Scan(column any) error {
	n, ok := column.(int64)
	if !ok {
		return fmt.Errorf("a time is kept as %T", column)
	}
	*m = moment{}
	if n != 0 {
		*m = moment(time.UnixMicro(n).UTC())
	}
	return nil
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// digest is one in a column.
type digest state.Digest

// Value implements driver.Valuer.
func (d digest) Value() (driver.Value, error) { return d[:], nil }

// Scan implements sql.Scanner.
func (d *digest) Scan(column any) error {
	b, ok := column.([]byte)
	if !ok || len(b) != len(d) {
		return fmt.Errorf("a digest is kept as %d bytes of %T", len(b), column)
	}
	copy(d[:], b)
	return nil
}

// hashed stands for a key that can be any text, of any length, and is nobody's business.
func hashed(key string) digest { return sha256.Sum256([]byte(key)) }
