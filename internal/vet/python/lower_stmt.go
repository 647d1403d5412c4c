package python

import (
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func (l *lowering) block(nodes []*node) []*ir.Stmt {
	var out []*ir.Stmt
	for _, n := range nodes {
		if n.named && n.kind != "comment" {
			out = l.stmt(out, n)
		}
	}
	return out
}

func (l *lowering) body(n *node) []*ir.Stmt {
	if n == nil {
		return nil
	}
	if n.kind == "block" || n.kind == "module" {
		return l.block(n.kids)
	}
	return l.block([]*node{n})
}

// stmt appends what n says.
func (l *lowering) stmt(out []*ir.Stmt, n *node) []*ir.Stmt {
	at := l.pos(n)
	switch n.kind {
	case "import_statement", "import_from_statement", "future_import_statement":
		l.importStmt(n)
		return out
	case "expression_statement":
		for _, k := range n.namedKids() {
			out = l.exprStmt(out, k)
		}
		return out
	case "return_statement":
		s := &ir.Stmt{Op: ir.Return, Pos: at}
		if k := n.namedKids(); len(k) > 0 {
			s.Value = l.expr(k[0])
		}
		return append(out, s)
	case "raise_statement":
		s := &ir.Stmt{Op: ir.Raise, Pos: at}
		if k := n.namedKids(); len(k) > 0 {
			s.Value = l.expr(k[0])
		}
		return append(out, s)
	case "break_statement":
		return append(out, &ir.Stmt{Op: ir.Break, Pos: at})
	case "continue_statement":
		return append(out, &ir.Stmt{Op: ir.Continue, Pos: at})
	case "assert_statement":
		if k := n.namedKids(); len(k) > 0 {
			cond := l.expr(k[0])
			return append(out, &ir.Stmt{Op: ir.If, Value: cond, Else: []*ir.Stmt{{Op: ir.Raise, Pos: at}}, Pos: at})
		}
	case "if_statement":
		return append(out, l.ifStmt(n))
	case "for_statement":
		return append(out, &ir.Stmt{Op: ir.Loop, Targets: []*ir.Expr{l.expr(n.get("left"))}, Value: l.expr(n.get("right")), Body: l.body(n.get("body")), Else: l.elseOf(n), Pos: at})
	case "while_statement":
		return append(out, &ir.Stmt{Op: ir.Loop, Value: l.expr(n.get("condition")), Body: l.body(n.get("body")), Else: l.elseOf(n), Pos: at})
	case "try_statement":
		return append(out, l.try(n))
	case "with_statement":
		return append(out, l.with(n))
	case "match_statement":
		return append(out, l.match(n))
	case "function_definition":
		f := l.funcDef(n)
		return append(out, &ir.Stmt{Op: ir.Def, Func: f, Pos: at})
	case "class_definition":
		return append(out, &ir.Stmt{Op: ir.ClassDef, Class: l.class(n), Pos: at})
	case "decorated_definition":
		return l.decorated(out, n)
	case "pass_statement", "global_statement", "nonlocal_statement", "delete_statement", "type_alias_statement":
		return out
	case "print_statement", "exec_statement":
		return append(out, &ir.Stmt{Op: ir.Eval, Value: &ir.Expr{Args: l.exprs(n.namedKids()), Pos: at}, Pos: at})
	case "block":
		return append(out, &ir.Stmt{Op: ir.Block, Body: l.block(n.kids), Pos: at})
	case "ERROR":
		return append(out, l.block(n.kids)...)
	}
	return l.exprStmt(out, n)
}

func (l *lowering) exprStmt(out []*ir.Stmt, n *node) []*ir.Stmt {
	at := l.pos(n)
	switch n.kind {
	case "assignment":
		s := &ir.Stmt{Op: ir.Assign, Pos: at}
		for n != nil && n.kind == "assignment" {
			s.Targets = append(s.Targets, l.expr(n.get("left")))
			if n.get("right") == nil {
				return out // an annotation alone
			}
			n = n.get("right")
		}
		s.Value = l.expr(n)
		return append(out, s)
	case "augmented_assignment":
		v := l.binary(n.get("left"), n.get("operator"), n.get("right"))
		v.Pos = at
		return append(out, &ir.Stmt{Op: ir.Assign, Targets: []*ir.Expr{l.expr(n.get("left"))}, Value: v, Pos: at})
	}
	return append(out, &ir.Stmt{Op: ir.Eval, Value: l.expr(n), Pos: at})
}

func (l *lowering) importStmt(n *node) {
	module := ""
	if m := n.get("module_name"); m != nil {
		module = l.absolute(l.text(m))
	}
	for _, k := range n.kids {
		if k.kind == "wildcard_import" {
			l.m.Imports["* "+module] = module
		}
		if k.field != "name" {
			continue
		}
		name, alias := l.text(k), ""
		if k.kind == "aliased_import" {
			name, alias = l.text(k.get("name")), l.text(k.get("alias"))
		}
		switch {
		case module != "":
			if alias == "" {
				alias = name
			}
			l.m.Imports[alias] = module + "." + name
		case alias != "":
			l.m.Imports[alias] = name
		default:
			first, _, _ := strings.Cut(name, ".")
			l.m.Imports[first] = first
		}
	}
}

// absolute resolves the dots of a relative import against the module's own name.
func (l *lowering) absolute(module string) string {
	rest := strings.TrimLeft(module, ".")
	up := len(module) - len(rest)
	if up == 0 {
		return module
	}
	parts := strings.Split(l.m.Name, ".")
	if l.m.Package {
		up--
	}
	parts = parts[:max(0, len(parts)-up)]
	if rest != "" {
		parts = append(parts, rest)
	}
	return strings.Join(parts, ".")
}

func (l *lowering) elseOf(n *node) []*ir.Stmt {
	if e := n.child("else_clause"); e != nil {
		return l.body(e.get("body"))
	}
	return nil
}

func (l *lowering) ifStmt(n *node) *ir.Stmt {
	first := &ir.Stmt{Op: ir.If, Value: l.expr(n.get("condition")), Body: l.body(n.get("consequence")), Pos: l.pos(n)}
	last := first
	for _, k := range n.kids {
		switch k.kind {
		case "elif_clause":
			next := &ir.Stmt{Op: ir.If, Value: l.expr(k.get("condition")), Body: l.body(k.get("consequence")), Pos: l.pos(k)}
			last.Else = []*ir.Stmt{next}
			last = next
		case "else_clause":
			last.Else = l.body(k.get("body"))
		}
	}
	return first
}

func (l *lowering) try(n *node) *ir.Stmt {
	s := &ir.Stmt{Op: ir.Try, Body: l.body(n.get("body")), Else: l.elseOf(n), Pos: l.pos(n)}
	for _, k := range n.kids {
		switch k.kind {
		case "except_clause", "except_group_clause":
			s.Handlers = append(s.Handlers, l.body(k.child("block")))
		case "finally_clause":
			s.Final = l.body(k.child("block"))
		}
	}
	return s
}

func (l *lowering) with(n *node) *ir.Stmt {
	s := &ir.Stmt{Op: ir.Block, Pos: l.pos(n)}
	if clause := n.child("with_clause"); clause != nil {
		items := clause.namedKids()
		for _, item := range items {
			v := item.get("value")
			if v == nil {
				v = item
			}
			if v.kind == "as_pattern" {
				target := v.get("alias")
				value := v.namedKids()[0]
				s.Body = append(s.Body, &ir.Stmt{Op: ir.Assign, Targets: []*ir.Expr{l.expr(target)}, Value: l.expr(value), Pos: l.pos(item)})
				continue
			}
			s.Body = append(s.Body, &ir.Stmt{Op: ir.Eval, Value: l.expr(v), Pos: l.pos(item)})
		}
	}
	s.Body = append(s.Body, l.body(n.get("body"))...)
	return s
}

// match becomes a chain of if: constants are compared, other patterns may hold or not.
func (l *lowering) match(n *node) *ir.Stmt {
	subject := l.expr(n.get("subject"))
	out := &ir.Stmt{Op: ir.Block, Pos: l.pos(n)}
	into := &out.Body
	cases := n.get("body")
	if cases == nil {
		return out
	}
	for _, c := range cases.kids {
		if c.kind != "case_clause" {
			continue
		}
		var cond *ir.Expr
		wild := false
		for _, k := range c.namedKids() {
			if k.kind != "case_pattern" {
				continue
			}
			wild = wild || l.text(k) == "_"
			pattern := &ir.Expr{Pos: l.pos(k)}
			if inner := k.namedKids(); len(inner) == 1 && inner[0].kind == "string" {
				pattern = &ir.Expr{Op: ir.Compare, Text: "==", Args: []*ir.Expr{subject, l.expr(inner[0])}, Pos: l.pos(k)}
			}
			if cond != nil {
				pattern = &ir.Expr{Op: ir.Or, Args: []*ir.Expr{cond, pattern}}
			}
			cond = pattern
		}
		if g := c.get("guard"); g != nil {
			wild = false
			guard := l.expr(g)
			if kids := g.namedKids(); len(kids) > 0 {
				guard = l.expr(kids[0])
			}
			cond = &ir.Expr{Op: ir.And, Args: []*ir.Expr{cond, guard}}
		}
		body := l.body(c.get("consequence"))
		if wild {
			*into = append(*into, body...)
			break
		}
		s := &ir.Stmt{Op: ir.If, Value: cond, Body: body, Pos: l.pos(c)}
		*into = append(*into, s)
		into = &s.Else
	}
	return out
}

func (l *lowering) funcDef(n *node) *ir.Func {
	return &ir.Func{
		Name: l.text(n.get("name")), Params: l.params(n.get("parameters")), Body: l.body(n.get("body")), Module: l.m, Pos: l.pos(n),
	}
}

func (l *lowering) params(n *node) []ir.Param {
	if n == nil {
		return nil
	}
	var out []ir.Param
	for _, k := range n.namedKids() {
		p := ir.Param{}
		switch k.kind {
		case "identifier":
			p.Name = l.text(k)
		case "default_parameter", "typed_default_parameter":
			p.Name = l.text(k.get("name"))
			p.Default = l.expr(k.get("value"))
		case "typed_parameter":
			if inner := k.namedKids(); len(inner) > 0 {
				p.Name, p.Spread = splat(l.text(inner[0]))
			}
		case "list_splat_pattern", "dictionary_splat_pattern":
			p.Name, p.Spread = splat(l.text(k))
		default:
			continue
		}
		if t := k.get("type"); t != nil {
			p.Type = l.expr(t)
		}
		out = append(out, p)
	}
	return out
}

func splat(s string) (name, stars string) {
	name = strings.TrimLeft(s, "*")
	return strings.TrimSpace(name), s[:len(s)-len(name)]
}

func (l *lowering) class(n *node) *ir.Class {
	c := &ir.Class{Name: l.text(n.get("name")), Body: l.body(n.get("body")), Methods: map[string]*ir.Func{}, Module: l.m, Pos: l.pos(n)}
	if b := n.get("superclasses"); b != nil {
		for _, k := range b.namedKids() {
			if k.kind != "keyword_argument" {
				c.Bases = append(c.Bases, l.expr(k))
			}
		}
	}
	for _, s := range c.Body {
		if s.Op == ir.Def {
			s.Func.Recv = c.Name
			c.Methods[s.Func.Name] = s.Func
		}
	}
	return c
}

func (l *lowering) decorated(out []*ir.Stmt, n *node) []*ir.Stmt {
	def := n.get("definition")
	if def == nil {
		return out
	}
	out = l.stmt(out, def)
	last := out[len(out)-1]
	for _, k := range n.kids {
		if k.kind == "decorator" && last.Func != nil {
			if inner := k.namedKids(); len(inner) > 0 {
				last.Func.Decorators = append(last.Func.Decorators, l.expr(inner[0]))
			}
		}
	}
	return out
}
