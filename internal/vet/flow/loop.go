package flow

import (
	"github.com/rootbound/rootbound/internal/vet/ir"
)

func (fr *frame) loop(s *ir.Stmt) {
	fr.breaks = append(fr.breaks, nil)
	fr.nexts = append(fr.nexts, nil)
	main := fr.st
	var iter *Val
	if len(s.Targets) > 0 && s.Value != nil {
		iter = fr.eval(s.Value)
	}
	var exit *state
	before := main.clone()
	for turn := range 2 {
		fr.st = before.clone()
		if iter != nil {
			fr.assign(s.Targets[0], fr.element(iter), s)
		} else if s.Value != nil {
			cond := fr.cond(s.Value)
			exit = fr.st.clone()
			fr.st.facts, _ = fr.x.t.assume(fr.st.facts, cond, true)
			exit.facts, _ = fr.x.t.assume(exit.facts, cond, false)
		}
		fr.block(s.Body)
		n := len(fr.nexts) - 1
		ways := append(fr.nexts[n], fr.st, before)
		fr.nexts[n] = nil
		after := &state{vars: map[string]*Val{}}
		fr.merge(after, ways...)
		before = after
		if turn == 0 && iter == nil && s.Value != nil {
			continue
		}
	}
	if iter == nil && s.Value != nil {
		// Once more for what holds when the condition does not.
		fr.st = before.clone()
		cond := fr.cond(s.Value)
		exit = fr.st
		exit.facts, _ = fr.x.t.assume(exit.facts, cond, false)
	} else if s.Value == nil {
		exit = &state{dead: true, vars: map[string]*Val{}} // for { } ends by break alone
	} else {
		exit = before
	}
	n := len(fr.breaks) - 1
	ways := append(fr.breaks[n], exit)
	fr.breaks, fr.nexts = fr.breaks[:n], fr.nexts[:n]
	fr.st = main
	fr.merge(main, ways...)
	if len(s.Else) > 0 {
		fr.block(s.Else)
	}
}

func (fr *frame) try(s *ir.Stmt) {
	main := fr.st
	start := main.clone()
	fr.st = main.clone()
	fr.block(s.Body)
	if !fr.st.dead {
		fr.block(s.Else)
	}
	body := fr.st
	ways := []*state{body}
	for _, h := range s.Handlers {
		fr.st = start.clone()
		for name, v := range body.vars {
			if _, had := fr.st.vars[name]; !had {
				fr.st.vars[name] = v
			}
		}
		fr.st.dead = false
		fr.block(h)
		ways = append(ways, fr.st)
	}
	fr.st = main
	fr.merge(main, ways...)
	if len(s.Final) > 0 {
		dead := main.dead
		main.dead = false
		if dead {
			fr.merge(main, start)
		}
		fr.block(s.Final)
		main.dead = main.dead || dead
	}
}
