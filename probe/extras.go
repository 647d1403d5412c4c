package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
)

// anchors asks for missing names: an ordinary one, ones with a character that a strict allowlist refuses, and one with a newline
// at its end. A server that refuses the character and answers the newline as it answers the ordinary name has an expression
// that ends in $.
func (r *run) anchors(ctx context.Context) {
	if r.config.Mode == Header || r.config.Mode == Cookie {
		return
	}
	r.begin("a newline at the end", 8)
	x := r.target.http1()
	defer x.close()
	var shown [3]attempt
	var last *answer
	refused := 0
	for _, mark := range []string{"!", "~"} { // the second time with other names, and another character
		var status [3]int
		for i, name := range []string{newAbsent(), newName("rb", mark+".txt"), newAbsent() + "\n"} {
			t := attempt{Case: plainCase(name)}
			t.Class, t.Name = "newline", "newline.anchor"
			a, err := r.ask(ctx, x, t)
			if err != nil || a == nil || a.status == 0 {
				return
			}
			status[i], shown[i], last = a.status, t, a
		}
		if status[0] != status[2] || status[0] == status[1] || status[1] < 400 || status[1] >= 500 {
			return
		}
		refused = status[1]
	}
	r.hit(hitKey{finding.AllowlistNewline, "newline", last.proto}, evidence{
		attempt: shown[2], beside: shown[:2], answer: last, how: fmt.Sprintf("a missing name that ends in a newline is answered as any missing name, and one with ! or ~ in it is %s", statusText(refused)),
	})
}

// lineEnds are ways to write one in a name.
var lineEnds = []string{"%0d%0a", "%0a", "%0d", "%250d%250a", "%e5%98%8d%e5%98%8a", "%c4%8d%c4%8a", "%u000d%u000a", "%0d%0a%20", "%23%0d%0a", "%3f%0d%0a", "%00%0d%0a", "\r\n"}

// headerInjection puts a header into the name, behind a file that exists and behind one that does not.
func (r *run) headerInjection(ctx context.Context) {
	if r.config.Mode == Header || r.config.Mode == Cookie {
		return
	}
	before := []string{newAbsent(), "/" + newAbsent(), "%2f" + newAbsent()}
	if r.ordinary != "" {
		before = append(before, r.ordinary)
	}
	r.begin("line ends", len(before)*len(lineEnds))
	x := r.target.http1()
	defer x.close()
	for _, name := range before {
		for i, end := range lineEnds {
			if a, t, ok := r.injects(ctx, x, name, end); ok {
				if _, _, again := r.injects(ctx, x, name, end); again {
					t.Name = fmt.Sprintf("line-end.%d", i)
					r.hit(hitKey{finding.HeaderInjection, "line-end", a.proto}, evidence{attempt: t, answer: a, how: "a header of ours is among the server's"})
				}
			}
		}
	}
}

func (r *run) injects(ctx context.Context, x exchanger, name, end string) (*answer, attempt, bool) {
	header := "X-Rb-" + digits(8)
	t := attempt{Case: wireCase("line-end", "line-end", strings.NewReplacer("\r", "%0d", "\n", "%0a").Replace(name+end+header+":%201"))}
	a, err := r.ask(ctx, x, t)
	return a, t, err == nil && a != nil && a.get(header) != ""
}

// ranges asks for more than the whole file, in ranges that overlap.
func (r *run) ranges(ctx context.Context) {
	if r.ordinary == "" || len(r.body) == 0 {
		r.note("ranges were not tried: no file is known that the server serves")
		return
	}
	r.begin("ranges", 2)
	x := r.target.http1()
	defer x.close()
	sets := []string{"bytes=" + strings.TrimSuffix(strings.Repeat("0-,", 400), ","), "bytes=" + strings.TrimSuffix(strings.Repeat("0-,-1,0-,", 100), ",")}
	var first *answer
	for _, set := range sets {
		req, ok := r.request(attempt{Case: plainCase(r.ordinary)})
		if !ok {
			return
		}
		req.headers = append(req.headers, "Range: "+set)
		a, err := r.send(ctx, x, req)
		if err != nil || a.status != 206 || payload(a) < 4*len(r.body) {
			return
		}
		if first == nil {
			first = a
			continue
		}
		r.hit(hitKey{finding.RangeAmplification, "ranges", a.proto}, evidence{
			attempt: attempt{}, request: req, answer: a,
			how: fmt.Sprintf("%d bytes and more of a file of %d", payload(a), len(r.body)),
		})
	}
}

// payload is how many bytes of the file a multipart/byteranges answer holds, as far as it was read.
func payload(a *answer) (total int) {
	kind, params, err := mime.ParseMediaType(a.get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		return len(a.body)
	}
	parts := multipart.NewReader(bytes.NewReader(a.body), params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return total
		}
		n, err := io.Copy(io.Discard, p)
		total += int(n)
		if err != nil {
			return total
		}
	}
}

// guessed is how many missing names are asked for.
const guessed = 200

// guesses asks for many missing names, as fast as it can, and looks whether anything slows it.
func (r *run) guesses(ctx context.Context) {
	if r.pace.every > 0 {
		r.note("whether guesses are slowed was not tried: requests are spaced out by --rate")
		return
	}
	r.begin("guesses at names", guessed)
	x := r.target.http1()
	defer x.close()
	var took []time.Duration
	var last *answer
	for range guessed {
		began := time.Now()
		a, err := r.ask(ctx, x, attempt{Case: plainCase(newAbsent())})
		if err != nil || a == nil || a.status == 429 || a.status == 503 || a.status == 0 {
			return
		}
		took, last = append(took, time.Since(began)), a
	}
	early, late := median(took[:guessed/4]), median(took[3*guessed/4:])
	if late > 5*early && late > 20*time.Millisecond {
		return
	}
	r.hit(hitKey{finding.GuessUnlimited, "guesses", last.proto}, evidence{
		attempt: attempt{Case: plainCase("guess-0001.txt")}, answer: last, how: fmt.Sprintf("%d missing names in a row were answered, none later than the first ones", guessed),
	})
}
