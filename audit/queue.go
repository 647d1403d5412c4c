package audit

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// queue holds records as whoever answers a request leaves them: encoded, but for what only their place in the chain
// gives them. Each is a frame: a code for the kind, the time, the length, and the middle of the line.
type queue struct{ line }

// Codes of the kinds that are queued.
const (
	codeDecided byte = iota
	codeDone
)

var kindOf = [...]Kind{codeDecided: Decided, codeDone: Done}

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
	binary.LittleEndian.PutUint32(q.b[start+9:], uint32(len(q.b)-start-frameHead))
}

// frames calls take for each frame, in order.
func frames(b []byte, take func(kind Kind, micros int64, middle []byte)) {
	for len(b) > 0 {
		n := frameHead + int(binary.LittleEndian.Uint32(b[9:]))
		take(kindOf[b[0]], int64(binary.LittleEndian.Uint64(b[1:])), b[frameHead:n])
		b = b[n:]
	}
}

// client writes the address of who asked.
func (l *line) client(a netip.Addr) {
	switch {
	case !a.IsValid():
		l.plain("client", "unix")
	case a.Zone() != "":
		l.text("client", a.String())
	default:
		l.b = append(l.b, `,"client":"`...)
		l.b = a.AppendTo(l.b)
		l.b = append(l.b, '"')
	}
}

// maxName bounds what is kept of a name, in bytes: the longest that a kernel opens.
const maxName = 4096

// name writes the requested name: the checked one, with its mount; for what is none, the text that was to be one, as it
// was sent. Of a query only that text is ever kept: the rest may hold a link's signature or a token.
func (l *line) name(f *request.Facts) {
	switch {
	case f.NameErr == nil && f.Name.Valid() && f.Mount == "":
		l.text("name", f.Name.String())
	case f.NameErr == nil && f.Name.IsBase():
		l.text("name", f.Mount)
	case f.NameErr == nil && f.Name.Valid():
		l.text("name", f.Mount+"/"+f.Name.String())
	case f.Asked != "":
		l.text("name", f.Asked[:min(len(f.Asked), maxName)])
	default:
		path, _ := request.SplitTarget(f.Target)
		for i := range len(path) { // what follows a '#' is not for servers
			if path[i] == '#' {
				path = path[:i]
				break
			}
		}
		l.text("name", path[:min(len(path), maxName)])
	}
}
