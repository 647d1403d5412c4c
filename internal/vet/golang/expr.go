package golang

import (
	"go/ast"
	"go/token"
	"strconv"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func (l *lowering) exprs(list []ast.Expr) []*ir.Expr {
	out := make([]*ir.Expr, 0, len(list))
	for _, e := range list {
		out = append(out, l.expr(e))
	}
	return out
}

func (l *lowering) expr(e ast.Expr) *ir.Expr {
	if e == nil {
		return &ir.Expr{}
	}
	out := l.exprOf(e)
	if out.Line == 0 {
		out.Pos = l.pos(e)
	}
	return out
}

func (l *lowering) exprOf(e ast.Expr) *ir.Expr {
	switch e := e.(type) {
	case *ast.Ident:
		switch e.Name {
		case "nil", "true", "false":
			return &ir.Expr{Op: ir.Const, Text: map[string]string{"nil": "nil", "true": "True", "false": "False"}[e.Name]}
		}
		return &ir.Expr{Op: ir.Name, Text: e.Name}
	case *ast.BasicLit:
		return literal(e)
	case *ast.SelectorExpr:
		return &ir.Expr{Op: ir.Attr, X: l.expr(e.X), Text: e.Sel.Name}
	case *ast.CallExpr:
		return l.call(e)
	case *ast.ParenExpr:
		return l.expr(e.X)
	case *ast.StarExpr:
		return l.expr(e.X)
	case *ast.TypeAssertExpr:
		return l.expr(e.X)
	case *ast.UnaryExpr:
		return l.unary(e)
	case *ast.BinaryExpr:
		return l.binary(e.Op, l.expr(e.X), l.expr(e.Y))
	case *ast.IndexExpr:
		return &ir.Expr{Op: ir.Index, X: l.expr(e.X), Args: []*ir.Expr{l.expr(e.Index)}}
	case *ast.SliceExpr:
		out := &ir.Expr{Op: ir.Slice, X: l.expr(e.X), Args: make([]*ir.Expr, 2)}
		if e.Low != nil {
			out.Args[0] = l.expr(e.Low)
		}
		if e.High != nil {
			out.Args[1] = l.expr(e.High)
		}
		return out
	case *ast.FuncLit:
		return &ir.Expr{Op: ir.Lambda, Func: l.function("func", e.Type, e.Body, e)}
	case *ast.CompositeLit:
		return l.composite(e)
	case *ast.ArrayType, *ast.MapType, *ast.FuncType, *ast.InterfaceType, *ast.StructType, *ast.ChanType:
		return l.typ(e)
	case *ast.KeyValueExpr:
		return &ir.Expr{Args: []*ir.Expr{l.expr(e.Value)}}
	}
	return &ir.Expr{}
}

func literal(e *ast.BasicLit) *ir.Expr {
	switch e.Kind {
	case token.STRING:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return &ir.Expr{Op: ir.Str, Text: s}
		}
	case token.CHAR:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return &ir.Expr{Op: ir.Str, Text: s}
		}
	}
	return &ir.Expr{Op: ir.Num, Text: e.Value}
}

func (l *lowering) unary(e *ast.UnaryExpr) *ir.Expr {
	x := l.expr(e.X)
	switch e.Op {
	case token.NOT:
		return &ir.Expr{Op: ir.Not, X: x}
	case token.AND:
		return x
	case token.SUB:
		if x.Op == ir.Num {
			return &ir.Expr{Op: ir.Num, Text: "-" + x.Text}
		}
	}
	return &ir.Expr{Args: []*ir.Expr{x}}
}

func (l *lowering) binary(op token.Token, x, y *ir.Expr) *ir.Expr {
	out := &ir.Expr{Args: []*ir.Expr{x, y}}
	switch op {
	case token.ADD, token.ADD_ASSIGN:
		out.Op = ir.Add
	case token.LAND:
		out.Op = ir.And
	case token.LOR:
		out.Op = ir.Or
	case token.EQL, token.NEQ, token.LSS, token.GTR, token.LEQ, token.GEQ:
		out.Op, out.Text = ir.Compare, op.String()
	}
	return out
}

func (l *lowering) call(e *ast.CallExpr) *ir.Expr {
	out := &ir.Expr{Op: ir.Call, X: l.expr(e.Fun)}
	for i, a := range e.Args {
		key := ""
		if e.Ellipsis.IsValid() && i == len(e.Args)-1 {
			key = "*"
		}
		out.Args = append(out.Args, l.expr(a))
		out.Keys = append(out.Keys, key)
	}
	return out
}

// composite makes a struct a call of its type, and lists and maps what they are.
func (l *lowering) composite(e *ast.CompositeLit) *ir.Expr {
	switch t := e.Type.(type) {
	case *ast.ArrayType, nil:
		out := &ir.Expr{Op: ir.Seq}
		for _, el := range e.Elts {
			if kv, ok := el.(*ast.KeyValueExpr); ok {
				el = kv.Value
			}
			out.Args = append(out.Args, l.expr(el))
		}
		return out
	case *ast.MapType:
		out := &ir.Expr{Op: ir.Dict}
		for _, el := range e.Elts {
			if kv, ok := el.(*ast.KeyValueExpr); ok {
				out.Args = append(out.Args, l.expr(kv.Key), l.expr(kv.Value))
			}
		}
		return out
	default:
		out := &ir.Expr{Op: ir.Call, X: l.typ(t)}
		for _, el := range e.Elts {
			key := ""
			if kv, ok := el.(*ast.KeyValueExpr); ok {
				if id, is := kv.Key.(*ast.Ident); is {
					key = id.Name
				}
				el = kv.Value
			}
			out.Args = append(out.Args, l.expr(el))
			out.Keys = append(out.Keys, key)
		}
		return out
	}
}
