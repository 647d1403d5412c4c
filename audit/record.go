package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Kind says what a record is about.
type Kind string

// The kinds. A reader skips those it does not know, after it has checked their place in the chain.
const (
	Begin      Kind = "begin"      // first of each file, and of each process that writes it: names the log and the hash it goes on from
	Decided    Kind = "decided"    // before the first byte of an answer
	Done       Kind = "done"       // after the last
	Checkpoint Kind = "checkpoint" // a signed statement of all that stands before it
	Lost       Kind = "lost"       // records could not be kept; says how many
	Recovered  Kind = "recovered"  // a torn last line was taken off after a crash
	Removed    Kind = "removed"    // full files were removed by the rules of retention; count is the first record kept
	End        Kind = "end"        // the log was closed in order
)

// Record is one line of the log, as a reader gets it. Fields that do not belong to its kind are empty.
type Record struct {
	Kind Kind      `json:"kind"`
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`

	// Of decided and done, which belong together by it.
	ID string `json:"id,omitempty"` // request id

	// Of decided. Search also gives them to a done, from its decided.
	Subject  string `json:"subject,omitempty"`
	Method   string `json:"auth,omitempty"` // how the subject was authenticated
	Client   string `json:"client,omitempty"`
	Action   string `json:"action,omitempty"`
	Name     string `json:"name,omitempty"` // that was requested
	File     string `json:"file,omitempty"` // that an application named, or that a route of the gate's led to
	Allowed  bool   `json:"allowed,omitempty"`
	Policy   string `json:"policy,omitempty"`
	Contains string `json:"containment,omitempty"`

	// Of both: why it was refused, or ended early.
	Reason reason.Code `json:"reason,omitempty"`

	// Of done.
	Status int            `json:"status,omitempty"`
	Bytes  int64          `json:"bytes,omitempty"`
	Result request.Result `json:"result,omitempty"`

	// Of begin.
	Log  string `json:"log,omitempty"`  // the log's own id, the same in all of its files
	Prev string `json:"prev,omitempty"` // hash of the record before; that of nothing in the first file
	Key  string `json:"key,omitempty"`  // verifier of the checkpoints

	Count uint64 `json:"count,omitempty"` // lost: records; recovered: bytes
	Note  string `json:"note,omitempty"`  // checkpoint: the signed note

	Hash string `json:"hash"`
}

// hash is that of a record and, through it, of all before.
type hash [sha256.Size]byte

var hashEncoding = base64.RawURLEncoding

func (h hash) String() string { return hashEncoding.EncodeToString(h[:]) }

func parseHash(s string) (h hash, ok bool) {
	n, err := hashEncoding.Strict().Decode(h[:], []byte(s))
	return h, err == nil && n == len(h)
}

// The end of each line. What stands before it is what is hashed, so that no reader has to write a record again in
// order to check it.
const (
	hashField = `,"hash":"`
	lineEnd   = "\"}\n"
	hashLen   = 43 // base64 of 32 bytes
	tailLen   = len(hashField) + hashLen + len(lineEnd)
)

// chain hashes the body of a record onto the hash before it.
func chain(prev hash, body []byte) hash {
	h := sha256.New()
	h.Write(prev[:])
	h.Write(body)
	var out hash
	h.Sum(out[:0])
	return out
}

// What stands before a line's kind, and between that and its number.
const (
	headStart = `{"kind":"`
	headEnd   = `","seq":`
	countKey  = `,"count":`
)

// A line's members come in a fixed order and without spaces. Those that are empty are left out. A key is given with all
// that stands before its value.

// appendPlain is appendText for values that are known to need no escaping, since we made them. Its key ends with a quote.
func appendPlain(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, key...)
	b = append(b, value...)
	return append(b, '"')
}

func appendText(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, key...), value)
}

func appendNumber(b []byte, key string, v int64) []byte {
	if v == 0 {
		return b
	}
	return strconv.AppendInt(append(b, key...), v, 10)
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string that is one line of plain text whatever s holds: control characters, and bytes
// that are not UTF-8 (as U+FFFD), are escaped, and so is all that is not ASCII, so that nothing in it can reorder or
// hide a line on a terminal.
func appendString(b []byte, s string) []byte {
	i := 0
	for i < len(s) && s[i]-' ' < 0x7f-' ' && s[i] != '"' && s[i] != '\\' {
		i++
	}
	b = append(b, '"')
	b = append(b, s[:i]...)
	for i < len(s) {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c < ' ' || c == 0x7f:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			default:
				b = append(b, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r >= 0x10000 {
			r -= 0x10000
			b = appendEscape(b, 0xd800|r>>10)
			r = 0xdc00 | r&0x3ff
		}
		b = appendEscape(b, r)
	}
	return append(b, '"')
}

func appendEscape(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
