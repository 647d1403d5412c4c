package server

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/lane"
	"github.com/rootbound/rootbound/internal/listing"
	"github.com/rootbound/rootbound/internal/plan"
)

// smallBody is what is copied behind its header, in bytes; more is sent from where it is.
const smallBody = 1 << 10

// fastReply makes the bytes of an answer. Those of a file that is not at hand are streamed later.
type fastReply struct {
	buf     []byte
	body    []byte // follows buf
	head    bool
	close   bool
	from    int // where this answer begins in buf
	date    string
	cookies string // fields as they are sent, each after its line break
	began   bool
	stream  *stream
	pieces  [4][]byte

	refusals *refusals // the loop's; nil elsewhere

	scratch []byte // what fetch read
	fetched bool
	// resident says that the stream may be sent on the loop, as far as the system has the file in memory.
	resident bool
}

func (t *fastReply) started() bool { return t.began }

func (t *fastReply) setCookie(field string) { t.cookies += "\r\nSet-Cookie: " + field }

// header appends the status line and the fields, as net/http writes them but for their order.
func (t *fastReply) header(status int, fields []plan.Field) {
	t.began = true
	t.buf = appendHead(t.buf, status, fields)
	t.endHead()
}

// endHead appends the fields that are not the plan's.
func (t *fastReply) endHead() {
	b := append(t.buf, "Date: "...)
	b = append(b, t.date...)
	b = append(b, t.cookies...)
	if t.close {
		b = append(b, "\r\nConnection: close"...)
	}
	t.buf = append(b, "\r\n\r\n"...)
}

// begun goes on from the rendered start of an answer for a file in memory.
func (t *fastReply) begun(head []byte, status int, x *exchange) (int64, error) {
	t.began = true
	b := append(t.buf, head...)
	b = append(b, "Request-Id: "...)
	b = append(b, x.f.ID...)
	t.buf = append(b, "\r\n"...)
	t.endHead()
	if t.head || status != http.StatusOK {
		return 0, nil
	}
	return t.body1(x.opened.file.loaded.Content()), t.later()
}

func (t *fastReply) plan(p *plan.Plan) (int64, error) {
	t.header(p.Status, p.Fields)
	if t.head {
		return 0, nil
	}
	var sent int64
	for i := range p.Segments {
		t.buf = append(t.buf, p.Segments[i].Text...)
		sent += int64(len(p.Segments[i].Text))
	}
	return sent, nil
}

func (t *fastReply) file(a *rootbound.Answer) (int64, error) {
	if t.fetched {
		t.header(a.Plan.Status, a.Plan.Fields)
		t.buf = append(t.buf, t.scratch...)
		return int64(len(t.scratch)), nil
	}
	if a.Body() != nil {
		return t.fromFile(a)
	}
	return t.fromMemory(a), t.later()
}

// later is errLater where there is a stream.
func (t *fastReply) later() error {
	if t.stream != nil {
		return errLater
	}
	return nil
}

// fromMemory copies what is short, sends one larger piece from where it is, and streams what is larger still, so that
// it is recorded when the client took it.
func (t *fastReply) fromMemory(a *rootbound.Answer) int64 {
	t.header(a.Plan.Status, a.Plan.Fields)
	pieces, _ := a.Buffers(t.pieces[:0])
	if len(pieces) == 1 {
		return t.body1(pieces[0])
	}
	var n int64
	for _, p := range pieces {
		n += int64(len(p))
	}
	if n > tailSize {
		t.stream = memoryStream(pieces)
		return 0
	}
	for _, p := range pieces {
		t.buf = append(t.buf, p...)
	}
	return n
}

// body1 is fromMemory for a body of one piece.
func (t *fastReply) body1(b []byte) int64 {
	switch {
	case len(b) > tailSize:
		t.stream = memoryStream([][]byte{b})
		return 0
	case len(b) > smallBody:
		t.body = b
	default:
		t.buf = append(t.buf, b...)
	}
	return int64(len(b))
}

// fetch reads the body of an answer where that is short and in the system's memory, and asks whether the file is
// still what it was.
func (t *fastReply) fetch(a *rootbound.Answer, h *handle) bool {
	segs := a.Plan.Segments
	if len(segs) > 1 || len(segs) == 1 && segs[0].Text != "" {
		return false
	}
	t.scratch = t.scratch[:0]
	if len(segs) == 1 {
		size := segs[0].Len
		if t.resident = size > smallRead; t.resident {
			size = 1 // streamed from here, as far as it is in memory
		}
		t.scratch = slices.Grow(t.scratch, int(size))[:size]
		n := 0
		err := h.raw.Control(func(fd uintptr) { n = lane.ReadNow(int(fd), t.scratch, segs[0].Off) })
		if err != nil || n != len(t.scratch) {
			return false
		}
		if changed, err := h.file.Changed(); changed || err != nil {
			return false
		}
	}
	t.fetched = !t.resident
	return true
}

// smallRead is how much is read on the loop at once.
const smallRead = 64 << 10

// fromFile streams, but for what is so short that it is read before the header is sent.
func (t *fastReply) fromFile(a *rootbound.Answer) (int64, error) {
	segs := a.Plan.Segments
	if len(segs) == 0 {
		t.header(a.Plan.Status, a.Plan.Fields)
		return 0, nil
	}
	st := newStream(a)
	if len(segs) == 1 && segs[0].Len <= tailSize {
		tail, err := st.tail()
		if err != nil {
			return 0, err
		}
		t.header(a.Plan.Status, a.Plan.Fields)
		t.buf = append(t.buf, tail...)
		st.release(tail)
		return segs[0].Len, nil
	}
	t.header(a.Plan.Status, a.Plan.Fields)
	t.stream, st.loop = st, t.resident
	return 0, errLater
}

// chunkedFrom is the size from which net/http sends what has no Content-Length in chunks.
const chunkedFrom = 2048 + 1

func (t *fastReply) list(q listing.Request) (int, int64, error) {
	w := &listWriter{header: http.Header{}}
	status, n, err := listing.Serve(w, q)
	if err != nil {
		return status, n, err
	}
	var fields []plan.Field
	for _, k := range slices.Sorted(maps.Keys(w.header)) {
		fields = append(fields, plan.Field{Name: k, Value: w.header[k][0]})
	}
	switch {
	case t.head:
		t.header(status, fields)
	case n < chunkedFrom:
		t.header(status, append(fields, plan.Field{Name: "Content-Length", Value: strconv.FormatInt(n, 10)}))
		t.buf = append(t.buf, w.body...)
	default:
		t.header(status, append(fields, plan.Field{Name: "Transfer-Encoding", Value: "chunked"}))
		t.buf = strconv.AppendInt(t.buf, n, 16)
		t.buf = append(t.buf, "\r\n"...)
		t.buf = append(t.buf, w.body...)
		t.buf = append(t.buf, "\r\n0\r\n\r\n"...)
	}
	return status, n, nil
}

// listWriter holds a page until it is sent.
type listWriter struct {
	header http.Header
	body   []byte
}

func (w *listWriter) Header() http.Header { return w.header }
func (w *listWriter) WriteHeader(int)     {}
func (w *listWriter) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}
