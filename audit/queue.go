package audit

import (
	"encoding/binary"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// queue holds records as whoever answers a request leaves them: encoded, but for what only their place in the chain
// gives them. Each is a frame: a code for the kind, the time, the length, and the middle of the line.
type queue struct {
	b []byte
	n int // records

	// The address that was written last: most requests are of one client's many.
	client netip.Addr
	text   []byte
}

// Codes of the kinds that are queued.
const (
	codeDecided byte = iota
	codeDone
)

// headOf is what their lines begin with.
var headOf = [...]string{codeDecided: headStart + string(Decided) + headEnd, codeDone: headStart + string(Done) + headEnd}

const frameHead = 1 + 8 + 4

// begin starts a frame and returns where it does.
func (q *queue) begin(code byte, now time.Time) int {
	start := len(q.b)
	q.b = append(q.b, code)
	q.b = binary.LittleEndian.AppendUint64(q.b, uint64(now.UnixMicro()))
	q.b = append(q.b, 0, 0, 0, 0)
	return start
}

func (q *queue) end(start int) {
	q.n++
	binary.LittleEndian.PutUint32(q.b[start+9:], uint32(len(q.b)-start-frameHead))
}

// frames calls take for each frame, in order.
func frames(b []byte, take func(code byte, micros int64, middle []byte)) {
	for len(b) > 0 {
		n := frameHead + int(binary.LittleEndian.Uint32(b[9:]))
		take(b[0], int64(binary.LittleEndian.Uint64(b[1:])), b[frameHead:n])
		b = b[n:]
	}
}

// decided writes a decision. containment is a whole member, or nothing.
func (q *queue) decided(at time.Time, f *request.Facts, who request.Subject, d request.Decision, refusal error, containment string) {
	frame := q.begin(codeDecided, at)
	b := appendPlain(q.b, `,"id":"`, f.ID)
	b = appendText(b, `,"subject":`, who.ID)
	b = appendText(b, `,"auth":`, who.Method)
	b = q.appendClient(b, f.Client)
	b = appendText(b, `,"action":`, action(f, d))
	b = appendName(b, f)
	b = appendText(b, `,"file":`, f.File)
	if refusal == nil {
		b = append(b, `,"allowed":true`...)
	} else {
		b = appendText(b, `,"reason":`, string(reason.Of(refusal)))
	}
	b = appendText(b, `,"policy":`, d.Policy)
	q.b = append(b, containment...)
	q.end(frame)
}

// done writes what became of a request.
func (q *queue) done(at time.Time, f *request.Facts, out *request.Outcome) {
	frame := q.begin(codeDone, at)
	b := appendPlain(q.b, `,"id":"`, f.ID)
	b = appendText(b, `,"reason":`, string(out.Reason))
	b = appendNumber(b, `,"status":`, int64(out.Status))
	b = appendNumber(b, `,"bytes":`, out.Bytes)
	q.b = appendPlain(b, `,"result":"`, string(out.Result))
	q.end(frame)
}

// action is what was asked to be done, in the words of grants.
func action(f *request.Facts, d request.Decision) string {
	if d.Right != "" {
		return string(d.Right)
	}
	switch f.Method {
	case http.MethodGet, http.MethodHead:
		return string(request.Read)
	case http.MethodOptions:
		return "options"
	case http.MethodPut, http.MethodPost:
		return string(request.Create)
	case http.MethodDelete:
		return string(request.Delete)
	}
	return f.Method
}

// appendClient writes the address of who asked.
func (q *queue) appendClient(b []byte, a netip.Addr) []byte {
	if a != q.client || len(q.text) == 0 {
		q.client, q.text = a, q.text[:0]
		switch {
		case !a.IsValid():
			q.text = appendPlain(q.text, `,"client":"`, "unix")
		case a.Zone() != "":
			q.text = appendText(q.text, `,"client":`, a.String())
		default:
			q.text = append(a.AppendTo(append(q.text, `,"client":"`...)), '"')
		}
	}
	return append(b, q.text...)
}

// maxName bounds what is kept of a name, in bytes: the longest that a kernel opens.
const maxName = 4096

const nameKey = `,"name":`

// appendName writes the requested name: the checked one, with its mount; for what is none, the text that was to be one,
// as it was sent. Of a query only that text is ever kept: the rest may hold a link's signature or a token.
func appendName(b []byte, f *request.Facts) []byte {
	switch {
	case f.NameErr == nil && f.Name.Valid() && f.Mount == "":
		return appendText(b, nameKey, f.Name.String())
	case f.NameErr == nil && f.Name.IsBase():
		return appendText(b, nameKey, f.Mount)
	case f.NameErr == nil && f.Name.Valid():
		return appendText(b, nameKey, f.Mount+"/"+f.Name.String())
	case f.Asked != "":
		return appendText(b, nameKey, f.Asked[:min(len(f.Asked), maxName)])
	}
	path, _ := request.SplitTarget(f.Target)
	path, _, _ = strings.Cut(path, "#") // what follows is not for servers
	return appendText(b, nameKey, path[:min(len(path), maxName)])
}
