package flow

import (
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

// module is a Python module, or a Go package, as it is run.
type module struct {
	ir    *ir.Module // the one file of a Python module; of a Go package, the first
	files []*ir.Module
	st    *state
	run   uint8 // 0 not yet, 1 is running, 2 done
}

func (m *module) python() bool { return m.ir.Lang == "python" }

// imports finds an import of the file that f stands in.
func (m *module) imports(f *ir.Func, name string) (string, bool) {
	file := m.ir
	if f != nil && f.Module != nil {
		file = f.Module
	}
	q, ok := file.Imports[name]
	return q, ok
}

type fnKey struct {
	fn *ir.Func
	n  int
}

// entry is a function that is run on its own.
type entry struct {
	fn    *ir.Func
	scope *scope
	mod   *module
	self  *Val
	route *route
}

// exec runs a project.
type exec struct {
	t          *table
	lang       *language
	modules    []*module
	byName     map[string]*module
	closures   map[fnKey]*Val
	classes    map[*ir.Class]*Val
	queue      []*entry
	queued     map[*ir.Func]bool
	routes     map[*ir.Func]*route
	results    map[resultKey]*Result
	memo       map[string]*Val
	seen       map[*ir.Func]*runs
	resolving  int
	stripping  map[string]bool
	trees      []tree
	converters map[string]caps
	globals    map[string]*Val // what handlers leave for each other
	readers    map[string]map[*entry]bool
	late       map[*entry]bool
	written    []*Val
	handsOut   map[*ir.Func]bool
	steps      int // since the entry began
	limit      int
	total      int
	cut        int // entries that were not run to their end
	served     map[*ir.Func]bool
	forbidden  map[*ir.Func]bool // functions that answer 403
	asked      map[*ir.Func]bool // functions that ask who it is
}

const stepsPerEntry = 20_000

func (x *exec) spent() bool { return x.steps > x.limit }

// Run follows names through all modules of one language, "python" or "go".
// Equal modules give equal results, in the order of file and line.
func Run(modules []*ir.Module, lang string) *Report {
	x := &exec{
		t: newTable(), lang: languages[lang], byName: map[string]*module{}, closures: map[fnKey]*Val{}, classes: map[*ir.Class]*Val{},
		queued: map[*ir.Func]bool{}, routes: map[*ir.Func]*route{}, results: map[resultKey]*Result{}, memo: map[string]*Val{}, served: map[*ir.Func]bool{}, seen: map[*ir.Func]*runs{}, stripping: map[string]bool{}, handsOut: map[*ir.Func]bool{}, converters: map[string]caps{}, globals: map[string]*Val{}, readers: map[string]map[*entry]bool{}, late: map[*entry]bool{}, forbidden: map[*ir.Func]bool{}, asked: map[*ir.Func]bool{},
	}
	x.load(modules)
	for _, m := range x.modules {
		x.runModule(m)
	}
	// Those that name handlers come before the handlers.
	sort.SliceStable(x.queue, func(i, j int) bool { return !takesRequest(x.queue[i].fn) && takesRequest(x.queue[j].fn) })
	x.t.keep()
	for i := 0; i < len(x.queue); i++ { // which grows
		x.runEntry(x.queue[i])
		x.t.forget()
	}
	// What one leaves, another finds that ran before it.
	for range 3 {
		again := x.late
		x.late = map[*entry]bool{}
		for _, e := range x.queue {
			if again[e] {
				x.runEntry(e)
			}
		}
	}
	x.writableTrees()
	return x.report()
}

// keep holds what one handler leaves where another finds it: in a context, in flask.g, in the request itself.
func (x *exec) keep(key string, v *Val, f facts) {
	if !v.tainted {
		return
	}
	one := x.t.fresh(Val{op: vPhi, alts: []alt{{v, f}}})
	if old := x.globals[key]; old != nil {
		for _, a := range old.alts {
			if a.v == v {
				return
			}
		}
		one = x.t.fresh(Val{op: vPhi, alts: append(append([]alt(nil), old.alts...), one.alts...)})
	}
	x.globals[key] = one
	for e := range x.readers[key] {
		x.late[e] = true
	}
}

// kept is what somebody left under key, or nil.
func (fr *frame) kept(base *Val, key string) *Val {
	if base.op != vObj && base.op != vRef {
		return nil
	}
	return fr.leftUnder(key)
}

func (fr *frame) leftUnder(key string) *Val {
	x := fr.x
	if x.readers[key] == nil {
		x.readers[key] = map[*entry]bool{}
	}
	x.readers[key][fr.entry] = true
	return x.globals[key]
}

func takesRequest(f *ir.Func) bool {
	for _, p := range f.Params {
		if p.Type != nil && p.Type.Op == ir.Attr && (p.Type.Text == "Request" || p.Type.Text == "Context" || p.Type.Text == "Ctx") {
			return true
		}
	}
	return false
}

func (x *exec) load(modules []*ir.Module) {
	sort.SliceStable(modules, func(i, j int) bool { return modules[i].Path < modules[j].Path })
	for _, m := range modules {
		if m.Lang == "go" {
			if known := x.byName[m.Name]; known != nil {
				known.files = append(known.files, m)
				continue
			}
		}
		mod := &module{ir: m, files: []*ir.Module{m}, st: &state{vars: map[string]*Val{}}}
		x.modules = append(x.modules, mod)
		if x.byName[m.Name] == nil {
			x.byName[m.Name] = mod
		}
	}
	if x.lang.name != "python" {
		return
	}
	// A program's own directory is where its imports begin, whatever package its files are in.
	for _, mod := range x.modules {
		parts := strings.Split(mod.ir.Name, ".")
		for i := 1; i < len(parts); i++ {
			key := "~" + filepath.Dir(strings.TrimSuffix(mod.ir.Path, "/__init__.py"))
			for range len(parts) - 1 - i {
				key = path.Dir(key)
			}
			name := key + "~" + strings.Join(parts[i:], ".")
			if x.byName[name] == nil {
				x.byName[name] = mod
			}
		}
	}
}

// project finds a module of the project by the name that importer uses.
func (x *exec) project(name string, importer *module) *module {
	if m := x.byName[name]; m != nil {
		return m
	}
	if importer == nil || !importer.python() {
		return nil
	}
	dir := filepath.Dir(importer.ir.Path)
	for range 4 {
		if m := x.byName["~"+dir+"~"+name]; m != nil {
			return m
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return nil
}

func (x *exec) runModule(m *module) {
	if m.run != 0 {
		return
	}
	m.run = 1
	x.begin()
	for _, file := range m.files {
		fr := &frame{x: x, mod: m, st: m.st, entry: &entry{mod: m}}
		x.lang.declare(fr, file)
	}
	for _, file := range m.files {
		x.lang.methods(&frame{x: x, mod: m, st: m.st, entry: &entry{mod: m}}, file)
	}
	for _, file := range m.files {
		fr := &frame{x: x, mod: m, st: m.st, entry: &entry{mod: m}}
		if !m.python() {
			fr.fn = &ir.Func{Module: file}
		}
		for _, s := range file.Body {
			x.begin() // each has its own steps: what stands behind a long table is looked at too
			fr.block([]*ir.Stmt{s})
			if x.spent() {
				x.cut++
			}
			if fr.st.dead {
				break
			}
		}
		m.st.dead = false
		m.st.facts = nil
	}
	m.run = 2
	if m.python() {
		x.djangoDebug(m)
	}
}

func (x *exec) begin() {
	x.total += x.steps
	x.steps, x.limit = 0, stepsPerEntry
}

func (x *exec) enqueue(e *entry) {
	if e.fn == nil || x.queued[e.fn] {
		return
	}
	x.queued[e.fn] = true
	x.queue = append(x.queue, e)
}

// runEntry runs a function as if somebody called it: a handler with what a request gives.
func (x *exec) runEntry(e *entry) {
	x.begin()
	e.route = x.routes[e.fn]
	fr := &frame{x: x, mod: e.mod, parent: e.scope, st: &state{vars: map[string]*Val{}}, fn: e.fn, entry: e, depth: 1}
	if e.self == nil && e.fn.Recv != "" {
		e.self = x.selfOf(e)
	}
	x.lang.params(fr, e)
	fr.body()
	if x.spent() {
		x.cut++
	}
	x.lang.handled(fr, e)
}

func (x *exec) selfOf(e *entry) *Val {
	cls := e.mod.st.vars[e.fn.Recv]
	if cls == nil || cls.op != vClass {
		return x.t.unknown("self " + e.fn.Recv)
	}
	return x.instance(cls)
}

// body runs the function's statements, and what was deferred.
func (fr *frame) body() {
	fr.block(fr.fn.Body)
	for i := len(fr.defers) - 1; i >= 0; i-- {
		dead := fr.st.dead
		fr.st.dead = false
		fr.eval(fr.defers[i])
		fr.st.dead = dead
	}
}

func (x *exec) classVal(c *ir.Class, m *module) *Val {
	if v, ok := x.classes[c]; ok {
		return v
	}
	v := x.t.fresh(Val{op: vClass, cls: c, mod: m, obj: &object{cls: c, fields: map[string]*Val{}}})
	x.classes[c] = v
	return v
}

// instance is the one object that methods are run on when nobody is seen to call them.
func (x *exec) instance(cls *Val) *Val {
	const own = "\x00self"
	if v, ok := cls.obj.fields[own]; ok {
		return v
	}
	v := x.newInstance(cls)
	cls.obj.fields[own] = v
	if x.lang.name == "python" {
		if init := x.method(cls, "__init__"); init != nil && init.fn != nil {
			fr := &frame{x: x, mod: init.mod, parent: init.scope, st: &state{vars: map[string]*Val{}}, fn: init.fn, entry: &entry{fn: init.fn, mod: init.mod}, depth: maxInline}
			e := &entry{fn: init.fn, mod: init.mod, self: v}
			x.lang.params(fr, e)
			fr.body()
		}
	}
	return v
}

func (x *exec) newInstance(cls *Val) *Val {
	return x.t.fresh(Val{op: vInst, obj: &object{cls: cls.cls, fields: map[string]*Val{}}, args: []*Val{cls}})
}

// method finds a method, or another member, of a class or of what it inherits from.
func (x *exec) method(cls *Val, name string) *Val { return x.member(cls, name, 6) }

func (x *exec) member(cls *Val, name string, depth int) *Val {
	if v, ok := cls.obj.fields[name]; ok {
		return v
	}
	if depth == 0 {
		return nil
	}
	for _, b := range x.bases(cls) {
		if b.op == vClass {
			if v := x.member(b, name, depth-1); v != nil {
				return v
			}
		}
	}
	return nil
}

// bases are what a class inherits from: classes of the project, and references to others.
func (x *exec) bases(cls *Val) []*Val {
	const key = "\x00bases"
	if v, ok := cls.obj.fields[key]; ok {
		return v.args
	}
	cls.obj.fields[key] = x.t.seq()
	fr := &frame{x: x, mod: cls.mod, st: cls.mod.st, entry: &entry{mod: cls.mod}}
	var out []*Val
	for _, b := range cls.cls.Bases {
		out = append(out, fr.eval(b))
	}
	cls.obj.fields[key] = x.t.seq(out...)
	return out
}

// foreign are the qualified names of bases that are not the project's.
func (x *exec) foreign(cls *Val, depth int) []string {
	var out []string
	for _, b := range x.bases(cls) {
		switch {
		case b.op == vRef:
			out = append(out, b.text)
		case b.op == vClass && depth > 0:
			out = append(out, x.foreign(b, depth-1)...)
		}
	}
	return out
}
