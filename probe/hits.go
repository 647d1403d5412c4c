package probe

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/finding"
)

// hitKey is what one finding is about: a rule, broken by one technique, over one protocol.
type hitKey struct {
	rule         finding.ID
	class, proto string
}

// hit is what becomes one finding.
type hit struct {
	count int             // of requests that showed it
	names map[string]bool // of the cases
	shown []evidence
}

// evidence is one request that showed it, and its answer.
type evidence struct {
	attempt attempt
	request *request // where the attempt does not say it
	answer  *answer
	how     string
	note    string    // more lines
	beside  []attempt // are answered otherwise, and what shows it is the difference
	then    *request  // where the first answer is a redirect
	stored  string    // the path of what the server made
}

// maxShown is how many requests of a kind are confirmed and shown; the rest is counted.
const maxShown = 3

// wants says whether another piece of evidence is to be confirmed. Otherwise it is counted.
func (r *run) wants(key hitKey, name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hits[key]
	if h == nil || len(h.shown) < maxShown {
		return true
	}
	h.count++
	h.names[name] = true
	return false
}

func (r *run) hit(key hitKey, e evidence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hits[key]
	if h == nil {
		h = &hit{names: map[string]bool{}}
		r.hits[key] = h
	}
	h.count++
	h.names[e.attempt.Name] = true
	if len(h.shown) < maxShown {
		h.shown = append(h.shown, e)
	}
}

// leaksBy says whether names of this kind, by links or without, hand out files anyway, so that what else their answers tell does
// not matter any more.
func (r *run) leaksBy(class string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	links := strings.HasPrefix(class, "link-")
	for key := range r.hits {
		about := slices.ContainsFunc(attack.Classes(), func(c attack.Class) bool { return c.Name == key.class })
		if about && key.rule != finding.ExistenceOracle && key.rule != finding.AllowlistNewline && links == strings.HasPrefix(key.class, "link-") {
			return true
		}
	}
	return false
}

// reportHits makes the findings.
func (r *run) reportHits() {
	about := map[string]string{}
	for _, c := range attack.Classes() {
		about[c.Name] = c.About
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, h := range r.hits {
		slices.SortFunc(h.shown, func(a, b evidence) int { return cmp.Compare(a.attempt.Name, b.attempt.Name) })
		first := h.shown[0]
		f := finding.Finding{
			Rule: key.rule, Place: finding.Place{URL: r.target.origin() + r.writer.path},
			Reason: reasonOf(key, h, about[key.class]), Evidence: r.evidenceText(h),
			Identity: identity(r.config.Mode, key, h),
			Repeat:   r.repeat(key, first),
			Extra:    map[string]string{"technique": key.class, "protocol": key.proto, "requests": fmt.Sprint(h.count)},
		}
		switch key.rule {
		case finding.NameHidden:
			f.Severity, f.Reason = finding.Medium, "a hidden name that is refused is served in another spelling; "+f.Reason
		case finding.GuessUnlimited:
			if r.config.Strict {
				f.Severity = finding.Low
			}
		}
		r.report.Add(f)
	}
}

// reasonOf is the sentence about one technique.
func reasonOf(key hitKey, h *hit, about string) string {
	how := h.shown[0].how
	if about == "" {
		return how
	}
	requests := "1 request"
	if h.count != 1 {
		requests = fmt.Sprintf("%d requests", h.count)
	}
	return fmt.Sprintf("%s of the class %s (%s) over %s: %s", requests, key.class, about, key.proto, how)
}

var numbers = regexp.MustCompile(`\.\d+\b`)

// identity is the same at the next run as long as the same techniques get through: names are random, and depths depend on
// where the base directory lies. What answers merely tell is seen on some requests of many, not always the same.
func identity(mode Mode, key hitKey, h *hit) string {
	forms := map[string]bool{}
	if slices.Contains([]finding.ID{finding.PathDisclosed, finding.StackTrace, finding.ExistenceOracle, finding.ExistenceTiming}, key.rule) {
		return fmt.Sprintf("%s %s %s", mode, key.class, key.proto)
	}
	for name := range h.names {
		forms[numbers.ReplaceAllString(name, "")] = true
	}
	var all []string
	for name := range forms {
		all = append(all, name)
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return fmt.Sprintf("%s %s %s %s", mode, key.class, key.proto, hex.EncodeToString(sum[:8]))
}

func (r *run) evidenceText(h *hit) string {
	var b strings.Builder
	for _, e := range h.shown {
		req := e.sent(r)
		fmt.Fprintf(&b, "%s %s", req.method, clip(req.target, 300))
		for _, line := range req.headers {
			if r.config.Mode == Header || r.config.Mode == Cookie || strings.HasPrefix(line, "Range:") || e.attempt.encoding != "" {
				fmt.Fprintf(&b, "\n  %s", clip(r.hide.line(line), 200))
			}
		}
		if req.body != nil {
			fmt.Fprintf(&b, "\n  %s", clip(string(req.body), 300))
		}
		fmt.Fprintf(&b, "\n-> %s: %s\n", statusText(e.answer.status), e.how)
		if e.note != "" {
			b.WriteString(e.note + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "..."
}

// sent is the request of the evidence.
func (e evidence) sent(r *run) *request {
	if e.request != nil {
		return e.request
	}
	req, _ := r.request(e.attempt)
	return req
}

func statusText(status int) string {
	if status == 0 {
		return "no answer"
	}
	return strings.TrimSpace(fmt.Sprint(status, " ", http.StatusText(status)))
}
