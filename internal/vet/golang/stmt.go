package golang

import (
	"go/ast"
	"go/token"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func (l *lowering) stmts(list []ast.Stmt) []*ir.Stmt {
	var out []*ir.Stmt
	for _, s := range list {
		out = append(out, l.stmt(s)...)
	}
	return out
}

func one(s *ir.Stmt) []*ir.Stmt { return []*ir.Stmt{s} }

func (l *lowering) stmt(s ast.Stmt) []*ir.Stmt {
	if s == nil {
		return nil
	}
	at := l.pos(s)
	switch s := s.(type) {
	case *ast.ExprStmt:
		return one(&ir.Stmt{Op: ir.Eval, Value: l.expr(s.X), Pos: at})
	case *ast.AssignStmt:
		return l.assign(s)
	case *ast.DeclStmt:
		return l.decl(s.Decl)
	case *ast.IfStmt:
		out := &ir.Stmt{Op: ir.If, Value: l.expr(s.Cond), Body: l.stmts(s.Body.List), Else: l.stmt(s.Else), Pos: at}
		return append(l.stmt(s.Init), out)
	case *ast.ForStmt:
		loop := &ir.Stmt{Op: ir.Loop, Body: append(l.stmts(s.Body.List), l.stmt(s.Post)...), Pos: at}
		if s.Cond != nil {
			loop.Value = l.expr(s.Cond)
		}
		return append(l.stmt(s.Init), loop)
	case *ast.RangeStmt:
		return one(l.rangeStmt(s))
	case *ast.BlockStmt:
		return one(&ir.Stmt{Op: ir.Block, Body: l.stmts(s.List), Pos: at})
	case *ast.ReturnStmt:
		out := &ir.Stmt{Op: ir.Return, Pos: at}
		switch len(s.Results) {
		case 0:
		case 1:
			out.Value = l.expr(s.Results[0])
		default:
			out.Value = &ir.Expr{Op: ir.Seq, Args: l.exprs(s.Results), Pos: at}
		}
		return one(out)
	case *ast.SwitchStmt:
		return append(l.stmt(s.Init), l.switchStmt(s)...)
	case *ast.TypeSwitchStmt:
		return append(append(l.stmt(s.Init), l.stmt(s.Assign)...), l.clauses(s.Body.List, nil)...)
	case *ast.SelectStmt:
		return l.clauses(s.Body.List, nil)
	case *ast.LabeledStmt:
		return l.stmt(s.Stmt)
	case *ast.GoStmt:
		return one(&ir.Stmt{Op: ir.Eval, Value: l.expr(s.Call), Pos: at})
	case *ast.DeferStmt:
		return one(&ir.Stmt{Op: ir.Defer, Value: l.expr(s.Call), Pos: at})
	case *ast.BranchStmt:
		switch s.Tok {
		case token.BREAK:
			return one(&ir.Stmt{Op: ir.Break, Pos: at})
		case token.CONTINUE:
			return one(&ir.Stmt{Op: ir.Continue, Pos: at})
		}
	case *ast.SendStmt:
		return one(&ir.Stmt{Op: ir.Eval, Value: l.expr(s.Value), Pos: at})
	}
	return nil
}

func (l *lowering) assign(s *ast.AssignStmt) []*ir.Stmt {
	at := l.pos(s)
	if s.Tok != token.ASSIGN && s.Tok != token.DEFINE {
		v := l.binary(s.Tok, l.expr(s.Lhs[0]), l.expr(s.Rhs[0]))
		v.Pos = at
		return one(&ir.Stmt{Op: ir.Assign, Targets: []*ir.Expr{l.expr(s.Lhs[0])}, Value: v, Pos: at})
	}
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
		return one(&ir.Stmt{Op: ir.Assign, Targets: l.exprs(s.Lhs), Value: l.expr(s.Rhs[0]), Pos: at})
	}
	target := &ir.Expr{Op: ir.Seq, Args: l.exprs(s.Lhs), Pos: at}
	value := l.expr(s.Rhs[0])
	if len(s.Rhs) > 1 {
		value = &ir.Expr{Op: ir.Seq, Args: l.exprs(s.Rhs), Pos: at}
	}
	return one(&ir.Stmt{Op: ir.Assign, Targets: []*ir.Expr{target}, Value: value, Pos: at})
}

// rangeStmt loops over pairs.
func (l *lowering) rangeStmt(s *ast.RangeStmt) *ir.Stmt {
	at := l.pos(s)
	target := &ir.Expr{Op: ir.Seq, Pos: at}
	for _, e := range []ast.Expr{s.Key, s.Value} {
		if e == nil {
			e = ast.NewIdent("_")
		}
		if id, ok := e.(*ast.Ident); ok {
			target.Args = append(target.Args, &ir.Expr{Op: ir.Name, Text: id.Name, Pos: at})
		} else {
			target.Args = append(target.Args, l.expr(e))
		}
	}
	over := &ir.Expr{Op: ir.Call, X: &ir.Expr{Op: ir.Name, Text: "range"}, Args: []*ir.Expr{l.expr(s.X)}, Keys: []string{""}, Pos: at}
	return &ir.Stmt{Op: ir.Loop, Targets: []*ir.Expr{target}, Value: over, Body: l.stmts(s.Body.List), Pos: at}
}

func (l *lowering) switchStmt(s *ast.SwitchStmt) []*ir.Stmt {
	var tag *ir.Expr
	if s.Tag != nil {
		tag = l.expr(s.Tag)
	}
	return l.clauses(s.Body.List, func(e ast.Expr) *ir.Expr {
		x := l.expr(e)
		if tag == nil {
			return x
		}
		return &ir.Expr{Op: ir.Compare, Text: "==", Args: []*ir.Expr{tag, x}, Pos: l.pos(e)}
	})
}

// clauses become a chain of if; the default comes last. A break within ends the clause.
func (l *lowering) clauses(list []ast.Stmt, cond func(ast.Expr) *ir.Expr) []*ir.Stmt {
	var first, last *ir.Stmt
	var fallback []*ir.Stmt
	for _, c := range list {
		var cases []ast.Expr
		var body []ast.Stmt
		var init []*ir.Stmt
		switch c := c.(type) {
		case *ast.CaseClause:
			cases, body = c.List, c.Body
		case *ast.CommClause:
			body = c.Body
			init = l.stmt(c.Comm)
			cases = []ast.Expr{nil}
		}
		stmts := append(init, withoutBreak(l.stmts(body))...)
		if len(cases) == 0 {
			fallback = stmts
			continue
		}
		s := &ir.Stmt{Op: ir.If, Value: l.anyOf(cases, cond, c), Body: stmts, Pos: l.pos(c)}
		if first == nil {
			first = s
		} else {
			last.Else = one(s)
		}
		last = s
	}
	if first == nil {
		return fallback
	}
	last.Else = fallback
	return one(first)
}

func (l *lowering) anyOf(cases []ast.Expr, cond func(ast.Expr) *ir.Expr, at ast.Node) *ir.Expr {
	var out *ir.Expr
	for _, e := range cases {
		one := &ir.Expr{Pos: l.pos(at)}
		if cond != nil && e != nil {
			one = cond(e)
		}
		if out == nil {
			out = one
		} else {
			out = &ir.Expr{Op: ir.Or, Args: []*ir.Expr{out, one}, Pos: l.pos(at)}
		}
	}
	return out
}

// withoutBreak drops the breaks that end a clause and no loop.
func withoutBreak(list []*ir.Stmt) []*ir.Stmt {
	var out []*ir.Stmt
	for _, s := range list {
		switch s.Op {
		case ir.Break:
			return out
		case ir.If, ir.Block:
			s.Body, s.Else = withoutBreak(s.Body), withoutBreak(s.Else)
		}
		out = append(out, s)
	}
	return out
}
