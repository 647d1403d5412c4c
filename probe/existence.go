package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/internal/finding"
)

// Bounds on the pairs whose answers are compared: for each class so many answers of each shape, and so many shapes.
const (
	perShape = 3
	shapes   = 6
)

// shape remembers some attempts for each way in which a class is answered, to compare existing files with missing ones.
func (r *run) shape(t attempt, a *answer) {
	if t.file == "" || !strings.Contains(t.Text, t.file) && !strings.Contains(t.Query, t.file) && !strings.Contains(t.Target, t.file) {
		return
	}
	if t.secret == r.garden.hidden { // within the base existence is no secret
		return
	}
	// Only these links have a twin that leads to a missing file.
	name := strings.TrimPrefix(t.Text, r.garden.names.dir)
	if strings.HasPrefix(t.Class, "link-") && t.Class != "link-dir" && !strings.HasPrefix(name, "-") && !strings.HasPrefix(name, "/rel-") && !strings.HasPrefix(name, "/abs-") {
		return
	}
	how := fmt.Sprintf("%s %d %s %d", a.proto, a.status, a.get("Content-Type"), len(a.body))
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.shapes[t.Class]
	if of == nil {
		of = map[string][]attempt{}
		r.shapes[t.Class] = of
	}
	if len(of[how]) < perShape && (of[how] != nil || len(of) < shapes) {
		of[how] = append(of[how], t)
	}
}

// pairs are the attempts that are compared, of classes that do not hand out files anyway.
func (r *run) pairs() []attempt {
	var out []attempt
	r.mu.Lock()
	for _, of := range r.shapes {
		for _, list := range of {
			out = append(out, list...)
		}
	}
	r.mu.Unlock()
	out = slices.DeleteFunc(out, func(t attempt) bool { return r.leaksBy(t.Class) })
	slices.SortFunc(out, func(a, b attempt) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Headers whose values differ from answer to answer, or say when.
var restless = []string{"Date", "Age", "Expires", "Set-Cookie", "Last-Modified", "Etag", "X-Runtime", "X-Request-Id", "Request-Id", "Connection", "Keep-Alive"}

// features are what two answers are compared by. The names asked for are masked in them; both are of one length. What is the same
// in both is left as it is: a listing that names a file has not repeated what was asked for.
func features(a, other *answer, asked string) map[string]string {
	mask := func(s, others string) string {
		if s == others {
			return s
		}
		return strings.ReplaceAll(s, asked, "NAME")
	}
	f := map[string]string{"status": statusText(a.status), "length of the body": fmt.Sprint(len(a.body)), "body": mask(string(a.body), string(other.body))}
	var present []string
	for _, h := range a.header {
		present = append(present, strings.ToLower(h.name))
		if !slices.ContainsFunc(restless, func(s string) bool { return strings.EqualFold(s, h.name) }) {
			f["header "+strings.ToLower(h.name)] = mask(h.value, other.get(h.name))
		}
	}
	slices.Sort(present)
	f["headers"] = strings.Join(present, " ")
	return f
}

// existence asks for files outside that exist and for ones that do not, in turn, and compares the answers.
func (r *run) existence(ctx context.Context) {
	all := r.pairs()
	r.begin("existing and missing files", 2*len(all))
	r.parallel(ctx, len(all), r.target.http1, func(x exchanger, i int) {
		t := all[i]
		one, two, ok := r.pair(ctx, x, t, r.missingLike(t, 0))
		if !ok || differ([]map[string]string{one}, []map[string]string{two}) == "" {
			return
		}
		what, there, gone, ok := r.told3(ctx, x, t, 0)
		if !ok {
			return
		}
		again, _, _, ok := r.told3(ctx, x, t.other(), 1) // other files, that exist and that do not
		if !ok || again != what {
			return
		}
		key := hitKey{finding.ExistenceOracle, t.Class, "HTTP/1.1"}
		if !r.wants(key, t.Name) {
			return
		}
		absent := t.absent(r.missingLike(t, 0))
		a, err := r.ask(ctx, x, t)
		if err != nil || a == nil {
			return
		}
		r.hit(key, evidence{
			attempt: t, answer: a, beside: []attempt{absent}, how: fmt.Sprintf("the %s is %.100q where the file exists and %.100q where it does not", what, there, gone),
			note: "a missing one: " + clip(r.line(absent), 300),
		})
	})
}

func (r *run) line(t attempt) string {
	req, _ := r.request(t)
	return req.method + " " + req.target
}

// missingLike is the name of a file that does not exist: behind a link that was planted, or at any place.
func (r *run) missingLike(t attempt, n int) string {
	switch {
	case t.Class == "link-file":
		return r.garden.names.absent[n]
	case t.secret == nil: // of the length and the letters of a system file
		return "qzvxwkj"[:min(7, len(t.file))] + strings.Repeat("q", max(0, len(t.file)-7))
	}
	return newAbsent()
}

// pair asks for the existing and the missing file, and returns the features of both answers.
func (r *run) pair(ctx context.Context, x exchanger, t attempt, missing string) (there, gone map[string]string, ok bool) {
	absent := t.absent(missing)
	if absent.Target == t.Target && absent.Query == t.Query && absent.Text == t.Text {
		return nil, nil, false
	}
	a, err := r.ask(ctx, x, t)
	if err != nil || a == nil {
		return nil, nil, false
	}
	b, err := r.ask(ctx, x, absent)
	if err != nil || b == nil {
		return nil, nil, false
	}
	return features(a, b, t.file), features(b, a, missing), true
}

// told3 asks three times for each, in turn, and names what is constant in both kinds of answers and differs between them.
// What merely changes with time is not constant in one of the two.
func (r *run) told3(ctx context.Context, x exchanger, t attempt, n int) (what, there, gone string, ok bool) {
	var yes, no []map[string]string
	for range 3 {
		a, b, ok := r.pair(ctx, x, t, r.missingLike(t, n))
		if !ok {
			return "", "", "", false
		}
		yes, no = append(yes, a), append(no, b)
	}
	what = differ(yes, no)
	return what, yes[0][what], no[0][what], what != ""
}

// differ returns the feature that tells the two kinds apart, or "". The plainest comes first.
func differ(yes, no []map[string]string) string {
	constant := func(all []map[string]string, key string) bool {
		for _, f := range all {
			if f[key] != all[0][key] {
				return false
			}
		}
		return true
	}
	var keys []string
	for key := range yes[0] {
		keys = append(keys, key)
	}
	for key := range no[0] {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		rank := func(s string) int {
			return slices.Index([]string{"status", "length of the body", "headers"}, s) & 7 // those that are none of these last
		}
		if rank(a) != rank(b) {
			return rank(a) - rank(b)
		}
		return strings.Compare(a, b)
	})
	for _, key := range keys {
		if constant(yes, key) && constant(no, key) && yes[0][key] != no[0][key] {
			return key
		}
	}
	return ""
}
