package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

func testLinks(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	v := state.Link{
		Key: "k1", ID: "l1", Issuer: "alice", Path: "reports/odd\xff.pdf", To: "bob", Created: begin, Expires: begin.Add(time.Hour), Uses: 3, Hash: "$argon2id$x",
	}
	got, err := s.SawLink(ctx, v)
	is(t, "first seen", err, nil)
	same(t, "first seen", got, v)
	changed := v
	changed.Uses, changed.Issuer = 99, "mallory"
	got, err = other.SawLink(ctx, changed)
	is(t, "seen again", err, nil)
	same(t, "what is kept stays", got, v)
	_, err = s.SawLink(ctx, state.Link{Key: "k2", ID: "l1", Dir: true, Issuer: "app", Created: begin.Add(time.Second)})
	is(t, "another key's", err, nil)
	_, err = s.Link(ctx, "k2", "l2")
	is(t, "none", err, state.ErrNotFound)
	all, err := s.Links(ctx, "")
	is(t, "listing", err, nil)
	same(t, "all", len(all), 2)
	all, err = s.Links(ctx, "app")
	is(t, "listing", err, nil)
	same(t, "an issuer's", all, []state.Link{{Key: "k2", ID: "l1", Dir: true, Issuer: "app", Created: begin.Add(time.Second)}})

	is(t, "revoking", s.RevokeLink(ctx, "k1", "l1"), nil)
	for issuer, want := range map[string]int{"alice": 1, "app": 1, "mallory": 0, "": 0, "no\xffname": 0} {
		n, err := other.CountLinks(ctx, issuer)
		is(t, "counting", err, nil)
		same(t, "links of "+issuer, n, want)
	}
	is(t, "revoking none", s.RevokeLink(ctx, "k1", "l2"), state.ErrNotFound)
	v.Revoked = true
	all, err = other.RevokedLinks(ctx)
	is(t, "revoked ones", err, nil)
	same(t, "revoked ones", all, []state.Link{v})
	_, _, err = other.UseLink(ctx, "k1", "l1", "bob", begin)
	is(t, "using a revoked one", err, state.ErrSpent)
	for _, err := range each(10, func(i int) error {
		_, err := []Store{s, other}[i%2].SawLink(ctx, state.Link{Key: "k3", ID: "same", Uses: 1})
		return err
	}) {
		is(t, "seen at once", err, nil)
	}
}

func testUses(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	_, _, err := s.UseLink(ctx, "k", "two", "bob", begin)
	is(t, "unknown", err, state.ErrNotFound)
	for id, uses := range map[string]int{"two": 2, "any": 0} {
		_, err := s.SawLink(ctx, state.Link{Key: "k", ID: id, Uses: uses})
		is(t, "seen", err, nil)
	}
	for i, c := range []struct {
		store Store
		id    string
		who   string
		after time.Duration
		first bool
		used  int
		err   error
	}{
		{s, "two", "bob", 0, true, 1, nil},
		{other, "two", "bob", state.ResumeFor - time.Microsecond, false, 1, nil},
		{s, "two", "carol", time.Minute, true, 2, nil},
		{other, "two", "dave", time.Minute, false, 2, state.ErrSpent},
		{other, "two", "carol", 2 * time.Minute, false, 2, nil}, // resumes though all are used
		{s, "two", "bob", state.ResumeFor, false, 2, state.ErrSpent},
		{s, "any", "bob", 0, true, 1, nil},
		{s, "any", "bob", state.ResumeFor, true, 2, nil},
		{s, "any", "bob", state.ResumeFor + time.Minute, false, 2, nil}, // since the second use
		{s, "any", "carol", 0, true, 3, nil},
	} {
		first, used, err := c.store.UseLink(ctx, "k", c.id, c.who, begin.Add(c.after))
		if first != c.first || used != c.used || !errors.Is(err, c.err) {
			t.Errorf("use %d: %v, %d, %v, want %v, %d, %v", i, first, used, err, c.first, c.used, c.err)
		}
	}
	link, err := other.Link(ctx, "k", "two")
	is(t, "reading", err, nil)
	same(t, "used", link.Used, 2)
}

// Two replicas race for a link that may be used three times.
func testUsedUpOnce(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	_, err := s.SawLink(ctx, state.Link{Key: "k", ID: "once", Uses: 1})
	is(t, "seen", err, nil)
	_, err = s.SawLink(ctx, state.Link{Key: "k", ID: "thrice", Uses: 3})
	is(t, "seen", err, nil)
	for id, uses := range map[string]int{"once": 1, "thrice": 3} {
		won, spent := 0, 0
		for _, err := range each(50, func(i int) error {
			first, _, err := []Store{s, other}[i%2].UseLink(ctx, "k", id, fmt.Sprint("user", i), begin)
			if err == nil && !first {
				return errors.New("somebody resumed what was another's")
			}
			return err
		}) {
			switch {
			case err == nil:
				won++
			case errors.Is(err, state.ErrSpent):
				spent++
			default:
				t.Errorf("using: %v", err)
			}
		}
		if won != uses || spent != 50-uses {
			t.Errorf("of 50 at once %d used %q and %d were refused, want %d", won, id, spent, uses)
		}
	}
	_, err = s.SawLink(ctx, state.Link{Key: "k", ID: "same", Uses: 1})
	is(t, "seen", err, nil)
	firsts := make([]bool, 20)
	for _, err := range each(20, func(i int) (err error) {
		firsts[i], _, err = []Store{s, other}[i%2].UseLink(ctx, "k", "same", "bob", begin)
		return err
	}) {
		is(t, "one user's requests at once", err, nil)
	}
	n := 0
	for _, first := range firsts {
		if first {
			n++
		}
	}
	same(t, "uses that one user's requests at once took", n, 1)
}

func testFailures(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	key := "any \x00 text \xff of any length" + string(make([]byte, 4<<10))
	tally, err := s.Failures(ctx, key)
	is(t, "none", err, nil)
	same(t, "none", tally, state.Tally{})
	for i, c := range []struct {
		after time.Duration
		want  int
		last  time.Duration
	}{
		{0, 1, 0},
		{time.Minute, 2, time.Minute},
		{time.Second, 3, time.Minute}, // another replica's clock
		{time.Minute + state.ForgetAfter, 4, time.Minute + state.ForgetAfter},
		{2*time.Minute + 2*state.ForgetAfter, 1, 2*time.Minute + 2*state.ForgetAfter},
	} {
		tally, err := []Store{s, other}[i%2].CountFailure(ctx, key, begin.Add(c.after))
		is(t, "counting", err, nil)
		same(t, fmt.Sprint("tally ", i), tally, state.Tally{Count: c.want, Last: begin.Add(c.last)})
	}
	_, err = s.CountFailure(ctx, key, begin.Add(2*state.ForgetAfter+3*time.Minute))
	is(t, "counting", err, nil)
	is(t, "taking back", s.TakeBackFailure(ctx, key), nil)
	is(t, "taking back what is not there", s.TakeBackFailure(ctx, "other"), nil)
	tally, err = other.Failures(ctx, key)
	is(t, "reading", err, nil)
	same(t, "taken back", tally.Count, 1)
	is(t, "taking back", s.TakeBackFailure(ctx, key), nil)
	is(t, "taking back more than there is", s.TakeBackFailure(ctx, key), nil)
	tally, _ = other.Failures(ctx, key)
	same(t, "all taken back", tally.Count, 0)
	_, err = s.CountFailure(ctx, key, begin)
	is(t, "counting", err, nil)
	is(t, "forgetting", other.ForgetFailures(ctx, key), nil)
	tally, err = s.Failures(ctx, key)
	is(t, "reading", err, nil)
	same(t, "forgotten", tally, state.Tally{})
}

func testFailuresAtOnce(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	counts := make([]int, 40)
	for _, err := range each(len(counts), func(i int) error {
		tally, err := []Store{s, other}[i%2].CountFailure(ctx, "key", begin)
		counts[i] = tally.Count
		return err
	}) {
		is(t, "counting", err, nil)
	}
	seen := map[int]bool{}
	for _, n := range counts {
		seen[n] = true
	}
	same(t, "tallies that were told", len(seen), len(counts))
}
