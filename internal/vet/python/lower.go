package python

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

// Module parses src, which was read from path and is the module name, and returns it
// in the small language. What could not be read is left out; Broken says where that begins.
func (p *Parser) Module(path, name string, src []byte) (*ir.Module, error) {
	text, err := decode(src)
	if err != nil {
		return nil, err
	}
	root, err := p.parse(text)
	if err != nil {
		return nil, err
	}
	m := &ir.Module{
		Path: path, Name: name, Lang: "python", Package: filepath.Base(path) == "__init__.py",
		Imports: map[string]string{}, Lines: strings.Count(string(text), "\n") + 1,
	}
	l := &lowering{src: text, m: m}
	m.Body = l.block(root.kids)
	m.Broken = p.broken
	return m, nil
}

// lowering turns syntax trees into the small language.
type lowering struct {
	src []byte
	m   *ir.Module
}

func (l *lowering) text(n *node) string {
	if n == nil {
		return ""
	}
	return string(l.src[n.start:n.end])
}

func (l *lowering) pos(n *node) ir.Pos {
	return ir.Pos{Line: n.line, End: n.line + strings.Count(string(l.src[n.start:n.end]), "\n")}
}

func (n *node) get(field string) *node {
	for _, k := range n.kids {
		if k.field == field {
			return k
		}
	}
	return nil
}

func (n *node) child(kind string) *node {
	for _, k := range n.kids {
		if k.kind == kind {
			return k
		}
	}
	return nil
}

// named are the children that mean something.
func (n *node) namedKids() []*node {
	var out []*node
	for _, k := range n.kids {
		if k.named && k.kind != "comment" {
			out = append(out, k)
		}
	}
	return out
}

func (l *lowering) exprs(nodes []*node) []*ir.Expr {
	out := make([]*ir.Expr, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, l.expr(n))
	}
	return out
}

// expr never returns nil.
func (l *lowering) expr(n *node) *ir.Expr {
	if n == nil {
		return &ir.Expr{}
	}
	e := l.exprOf(n)
	if e.Line == 0 {
		e.Pos = l.pos(n)
	}
	return e
}

func (l *lowering) exprOf(n *node) *ir.Expr {
	switch n.kind {
	case "identifier":
		return &ir.Expr{Op: ir.Name, Text: l.text(n)}
	case "attribute":
		return &ir.Expr{Op: ir.Attr, X: l.expr(n.get("object")), Text: l.text(n.get("attribute"))}
	case "call":
		return l.callExpr(n)
	case "subscript":
		return l.subscript(n)
	case "string":
		return l.stringExpr(n)
	case "concatenated_string":
		return &ir.Expr{Op: ir.Format, Args: l.exprs(n.namedKids())}
	case "integer", "float":
		return &ir.Expr{Op: ir.Num, Text: l.text(n)}
	case "true", "false", "none", "ellipsis":
		return &ir.Expr{Op: ir.Const, Text: l.text(n)}
	case "await", "parenthesized_expression", "type", "yield", "as_pattern_target", "list_splat", "dictionary_splat", "expression_statement", "list_splat_pattern", "dictionary_splat_pattern":
		if kids := n.namedKids(); len(kids) == 1 {
			return l.expr(kids[0])
		}
		return &ir.Expr{Args: l.exprs(n.namedKids())}
	case "binary_operator":
		return l.binary(n.get("left"), n.get("operator"), n.get("right"))
	case "not_operator":
		return &ir.Expr{Op: ir.Not, X: l.expr(n.get("argument"))}
	case "boolean_operator":
		op := ir.And
		if l.text(n.get("operator")) == "or" {
			op = ir.Or
		}
		return &ir.Expr{Op: op, Args: []*ir.Expr{l.expr(n.get("left")), l.expr(n.get("right"))}}
	case "comparison_operator":
		return l.comparison(n)
	case "tuple", "list", "set", "expression_list", "pattern_list", "tuple_pattern", "list_pattern":
		return &ir.Expr{Op: ir.Seq, Args: l.exprs(n.namedKids())}
	case "dictionary":
		return l.dict(n)
	case "conditional_expression":
		if k := n.namedKids(); len(k) == 3 {
			return &ir.Expr{Op: ir.Cond, Args: []*ir.Expr{l.expr(k[1]), l.expr(k[0]), l.expr(k[2])}}
		}
	case "lambda":
		f := &ir.Func{Name: "lambda", Module: l.m, Pos: l.pos(n), Params: l.params(n.get("parameters"))}
		body := l.expr(n.get("body"))
		f.Body = []*ir.Stmt{{Op: ir.Return, Value: body, Pos: body.Pos}}
		return &ir.Expr{Op: ir.Lambda, Func: f}
	case "list_comprehension", "set_comprehension", "generator_expression", "dictionary_comprehension":
		return l.comprehension(n)
	case "named_expression":
		return &ir.Expr{Op: ir.Bind, Args: []*ir.Expr{l.expr(n.get("name"))}, X: l.expr(n.get("value"))}
	}
	return &ir.Expr{Args: l.exprs(n.namedKids())}
}

func (l *lowering) callExpr(n *node) *ir.Expr {
	e := &ir.Expr{Op: ir.Call, X: l.expr(n.get("function"))}
	args := n.get("arguments")
	if args == nil {
		return e
	}
	if args.kind == "generator_expression" {
		e.Args, e.Keys = []*ir.Expr{l.expr(args)}, []string{""}
		return e
	}
	for _, a := range args.namedKids() {
		key := ""
		switch a.kind {
		case "keyword_argument":
			key = l.text(a.get("name"))
			a = a.get("value")
		case "list_splat":
			key = "*"
		case "dictionary_splat":
			key = "**"
		}
		e.Args = append(e.Args, l.expr(a))
		e.Keys = append(e.Keys, key)
	}
	return e
}

func (l *lowering) subscript(n *node) *ir.Expr {
	x := l.expr(n.get("value"))
	var subs []*node
	for _, k := range n.kids {
		if k.field == "subscript" {
			subs = append(subs, k)
		}
	}
	if len(subs) == 1 && subs[0].kind == "slice" {
		parts := make([]*ir.Expr, 2)
		at := 0
		for _, k := range subs[0].kids {
			switch {
			case k.kind == ":":
				at++
			case k.named && at < 2:
				parts[at] = l.expr(k)
			}
		}
		return &ir.Expr{Op: ir.Slice, X: x, Args: parts}
	}
	if len(subs) == 1 {
		return &ir.Expr{Op: ir.Index, X: x, Args: []*ir.Expr{l.expr(subs[0])}}
	}
	return &ir.Expr{Op: ir.Index, X: x, Args: []*ir.Expr{{Op: ir.Seq, Args: l.exprs(subs)}}}
}

func (l *lowering) binary(left, op, right *node) *ir.Expr {
	e := &ir.Expr{Args: []*ir.Expr{l.expr(left), l.expr(right)}}
	switch strings.TrimSuffix(l.text(op), "=") {
	case "+":
		e.Op = ir.Add
	case "/":
		e.Op = ir.Div
	case "%":
		e.Op = ir.Mod
	}
	return e
}

// comparison makes a < b < c into a < b and b < c.
func (l *lowering) comparison(n *node) *ir.Expr {
	var operands []*ir.Expr
	var ops []string
	for _, k := range n.kids {
		switch {
		case k.field == "operators" || !k.named:
			word := strings.Join(strings.Fields(l.text(k)), " ")
			if len(ops) == len(operands) && len(ops) > 0 { // "is" "not" as two nodes
				ops[len(ops)-1] += " " + word
			} else {
				ops = append(ops, word)
			}
		case k.kind != "comment":
			operands = append(operands, l.expr(k))
		}
	}
	var out *ir.Expr
	for i := 0; i < len(ops) && i+1 < len(operands); i++ {
		c := &ir.Expr{Op: ir.Compare, Text: ops[i], Args: []*ir.Expr{operands[i], operands[i+1]}, Pos: l.pos(n)}
		if out == nil {
			out = c
		} else {
			out = &ir.Expr{Op: ir.And, Args: []*ir.Expr{out, c}}
		}
	}
	if out == nil {
		return &ir.Expr{Args: operands}
	}
	return out
}

func (l *lowering) dict(n *node) *ir.Expr {
	e := &ir.Expr{Op: ir.Dict}
	for _, k := range n.namedKids() {
		if k.kind == "pair" {
			e.Args = append(e.Args, l.expr(k.get("key")), l.expr(k.get("value")))
		}
	}
	return e
}

func (l *lowering) comprehension(n *node) *ir.Expr {
	e := &ir.Expr{Op: ir.Comp}
	body := n.get("body")
	if body != nil && body.kind == "pair" {
		e.Args = []*ir.Expr{l.expr(body.get("value")), l.expr(body.get("key"))}
	} else {
		e.Args = []*ir.Expr{l.expr(body)}
	}
	for _, k := range n.namedKids() {
		switch k.kind {
		case "for_in_clause":
			e.Stmts = append(e.Stmts, &ir.Stmt{Op: ir.Loop, Targets: []*ir.Expr{l.expr(k.get("left"))}, Value: l.expr(k.get("right")), Pos: l.pos(k)})
		case "if_clause":
			if c := k.namedKids(); len(c) > 0 {
				e.Stmts = append(e.Stmts, &ir.Stmt{Op: ir.If, Value: l.expr(c[0]), Pos: l.pos(k)})
			}
		}
	}
	return e
}

// stringExpr decodes a literal; what stands in braces of an f-string are parts of a Format.
func (l *lowering) stringExpr(n *node) *ir.Expr {
	prefix := strings.ToLower(strings.TrimRight(l.text(n.child("string_start")), `"'`))
	raw := strings.Contains(prefix, "r")
	var parts []*ir.Expr
	add := func(s string, at *node) {
		if len(parts) > 0 && parts[len(parts)-1].Op == ir.Str {
			parts[len(parts)-1].Text += s
			return
		}
		parts = append(parts, &ir.Expr{Op: ir.Str, Text: s, Pos: l.pos(at)})
	}
	for _, k := range n.kids {
		switch k.kind {
		case "string_content":
			s := l.text(k)
			if strings.Contains(prefix, "f") {
				s = strings.NewReplacer("{{", "{", "}}", "}").Replace(s)
			}
			if !raw {
				s = unescape(s)
			}
			add(s, k)
		case "interpolation":
			parts = append(parts, l.expr(k.get("expression")))
		}
	}
	switch {
	case len(parts) == 0:
		return &ir.Expr{Op: ir.Str}
	case len(parts) == 1 && parts[0].Op == ir.Str:
		return parts[0]
	}
	return &ir.Expr{Op: ir.Format, Args: parts}
}

// unescape does the escapes that matter to names and patterns.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case '0':
			b.WriteByte(0)
		case '\n':
		case '\\', '\'', '"':
			b.WriteByte(c)
		case 'x':
			var v byte
			if _, err := fmt.Sscanf(s[min(i+1, len(s)):min(i+3, len(s))], "%02x", &v); err == nil {
				b.WriteByte(v)
				i += 2
			}
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}
