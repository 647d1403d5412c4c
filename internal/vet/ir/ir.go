// Package ir is the one small language that Python and Go are reduced to before
// anything is asked of them: expressions and structured statements, without types.
// A value of it is never changed once its front end has returned it.
package ir

// Pos is where something stands. Lines count from 1; End is the last line.
type Pos struct{ Line, End int }

// Op says what an Expr is.
type Op uint8

// The kinds of expressions. X is the operand, the object or the callee.
const (
	Other   Op = iota // anything else: only its Args are looked at
	Name              // Text
	Attr              // X.Text
	Call              // X(Args...), Keys beside them
	Index             // X[Args[0]]
	Slice             // X[Args[0]:Args[1]], either may be nil
	Str               // Text, decoded
	Num               // Text
	Const             // True, False, None, nil
	Format            // parts in Args, one after another, as text
	Add               // Args[0] + Args[1]
	Div               // Args[0] / Args[1]
	Mod               // Args[0] % Args[1]
	Not               // not X
	And               // Args[0] and Args[1]
	Or                // Args[0] or Args[1]
	Compare           // Args[0] Text Args[1]
	Seq               // tuple, list or set of Args
	Dict              // Keys are not used: Args are key, value, key, value...
	Cond              // Args[1] if Args[0] else Args[2]
	Lambda            // Func
	Comp              // a comprehension: Args[0] is an element, Stmts bind and filter
	Bind              // Targets[0] := X as an expression
	Type              // a type, as text (Go)
)

// Expr is an expression. Keys run beside the Args of a Call: "" is positional, "*" and "**" are spread.
type Expr struct {
	Op    Op
	Text  string
	X     *Expr
	Args  []*Expr
	Keys  []string
	Func  *Func
	Stmts []*Stmt
	Pos
}

// StmtOp says what a Stmt is.
type StmtOp uint8

// The kinds of statements.
const (
	Eval     StmtOp = iota // Value alone
	Assign                 // Targets = Value; each target gets the whole value, Seq is taken apart
	If                     // if Value: Body else: Else
	Loop                   // for Targets[0] in Value, or while Value where there are no Targets: Body; Else
	Try                    // Body, Handlers, Else, Final
	Return                 // Value or nil
	Raise                  // does not go on
	Break                  // leaves the loop
	Continue               // goes to its next turn
	Def                    // Func
	ClassDef               // Class
	Block                  // Body
	Defer                  // Value, when the function ends (Go)
)

// Stmt is a statement.
type Stmt struct {
	Op       StmtOp
	Targets  []*Expr
	Value    *Expr
	Body     []*Stmt
	Else     []*Stmt
	Handlers [][]*Stmt
	Final    []*Stmt
	Func     *Func
	Class    *Class
	Pos
}

// Param is a parameter of a function.
type Param struct {
	Name    string
	Type    *Expr // annotation, or nil
	Default *Expr
	Spread  string // "*" or "**"
}

// Func is a function, method, closure or lambda.
type Func struct {
	Name       string
	Params     []Param
	Results    []string // names of results (Go)
	Body       []*Stmt
	Decorators []*Expr
	Recv       string // the class it is a method of, as its module spells it
	RecvName   string // what the method calls its object; "" in Python, where it is the first parameter
	Module     *Module
	Pos
}

// Class is a Python class, or a Go struct with its methods.
type Class struct {
	Name    string
	Bases   []*Expr
	Body    []*Stmt
	Fields  map[string]*Expr // declared types (Go)
	Methods map[string]*Func
	Module  *Module
	Pos
}

// Module is a source file (Python) or one file of a package (Go).
type Module struct {
	Path    string // as it was given
	Name    string // dotted module name, or import path
	Lang    string // "python" or "go"
	Package bool   // __init__.py
	Imports map[string]string
	Body    []*Stmt
	Lines   int
	Broken  int // the first line that could not be read, 0 is none
}
