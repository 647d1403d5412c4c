package flow

import "github.com/rootbound/rootbound/internal/vet/ir"

// language is what is different between the languages.
type language struct {
	name string
	wild map[string]bool // names that `from x import *` brings, of modules that are not the project's
	rules
}

// rules say what names, attributes and calls mean. A nil *Val is "nothing special".
type rules interface {
	canonical(qualified string) string
	outside(x *exec, qualified string) *Val // what a name that is not the project's stands for
	builtin(fr *frame, name string) *Val
	attr(fr *frame, base *Val, name string, e *ir.Expr) *Val
	instAttr(fr *frame, base *Val, name string) *Val
	index(fr *frame, base, key *Val, e *ir.Expr) *Val
	element(fr *frame, v *Val) *Val
	call(fr *frame, qualified string, a *callArgs) *Val
	method(fr *frame, recv *Val, name string, a *callArgs) *Val
	construct(fr *frame, v *Val, a *callArgs)
	ordered(fr *frame, op string, a, b *Val) *Val
	isNothing(fr *frame, v *Val) *Val
	typed(fr *frame, v *Val, p ir.Param) *Val

	// The rest looks on.
	declare(fr *frame, file *ir.Module)
	methods(fr *frame, file *ir.Module)
	params(fr *frame, e *entry)
	called(fr *frame, callee, recv *Val, method string, a *callArgs)
	setAttr(fr *frame, base *Val, target *ir.Expr, v *Val)
	setIndex(fr *frame, base, key, v *Val, target *ir.Expr)
	defined(fr *frame, f *ir.Func, v *Val)
	returned(fr *frame, v *Val, s *ir.Stmt)
	handled(fr *frame, e *entry)
}

var languages = map[string]*language{
	"python": {name: "python", wild: pyWild, rules: pyRules{}},
	"go":     {name: "go", rules: goRules{}},
}

// route is how requests reach a handler.
type route struct {
	pattern   string
	method    string
	framework string
	guarded   bool // by a decorator or middleware that asks who it is
	params    map[string]caps
	vals      map[string]*Val
}
