// Package python reads Python source. The grammar is tree-sitter's, compiled to
// one WebAssembly file (see wasm/build.sh) that wazero runs: no cgo, and no
// Python where the program runs. It is tolerant: a broken file still gives what can
// be read of it, and says where it is broken.
package python

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

//go:embed wasm/py.wasm.gz
var grammar []byte

// maxSource bounds what is parsed of one file. More than that was not written by people.
const maxSource = 4 << 20

// ErrTooLarge is returned for a file of more than 4 MiB.
var ErrTooLarge = errors.New("larger than 4 MiB")

type engine struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

var shared = sync.OnceValues(func() (*engine, error) {
	ctx := context.Background()
	r, err := gzip.NewReader(bytes.NewReader(grammar))
	if err != nil {
		return nil, err
	}
	wasm, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(16<<10))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return nil, err
	}
	compiled, err := rt.CompileModule(ctx, wasm)
	return &engine{rt, compiled}, err
})

// A Parser parses one file after another. It is not for concurrent use: take one for each goroutine.
type Parser struct {
	module  api.Module
	symbols map[uint32]string
	fields  map[uint32]string
	broken  int // the first line of the last file that could not be read, 0 is none
}

// NewParser starts an instance of the grammar. The grammar itself is compiled once a process.
func NewParser() (*Parser, error) {
	e, err := shared()
	if err != nil {
		return nil, fmt.Errorf("python grammar: %w", err)
	}
	m, err := e.runtime.InstantiateModule(context.Background(), e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, fmt.Errorf("python grammar: %w", err)
	}
	return &Parser{module: m, symbols: map[uint32]string{}, fields: map[uint32]string{}}, nil
}

// Close frees the instance's memory.
func (p *Parser) Close() error { return p.module.Close(context.Background()) }

// node is a node of the syntax tree; kids are in the order of the source.
type node struct {
	kind, field string
	named       bool
	missing     bool
	start, end  int
	line        int
	kids        []*node
}

func (p *Parser) call(name string, args ...uint64) (uint64, error) {
	out, err := p.module.ExportedFunction(name).Call(context.Background(), args...)
	if err != nil || len(out) == 0 {
		return 0, err
	}
	return out[0], nil
}

// parse returns the tree of src, which is UTF-8.
func (p *Parser) parse(src []byte) (*node, error) {
	if len(src) > maxSource {
		return nil, ErrTooLarge
	}
	mem := p.module.Memory()
	at, err := p.call("alloc", uint64(len(src))+1)
	if err != nil || at == 0 {
		return nil, errors.Join(errors.New("no memory for it"), err)
	}
	mem.Write(uint32(at), src)
	n, err := p.call("parse", at, uint64(len(src)))
	if err != nil {
		return nil, err
	}
	if _, err := p.call("dealloc", at); err != nil {
		return nil, err
	}
	from, err := p.call("nodes")
	if err != nil {
		return nil, err
	}
	raw, ok := mem.Read(uint32(from), uint32(n)*24)
	if n == 0 || !ok {
		return nil, errors.New("no memory for its syntax tree")
	}
	return p.tree(raw, int(n))
}

const maxDepth = 2000 // of nesting; deeper trees are cut there, so that nothing that walks them overflows

func (p *Parser) tree(raw []byte, n int) (*node, error) {
	all := make([]node, n)
	p.broken = 0
	stack := make([]*node, 0, 64)
	for i := range all {
		rec := raw[i*24:]
		u := func(k int) uint32 { return binary.LittleEndian.Uint32(rec[k*4:]) }
		symbol, depth := u(0), int(u(5))
		o := &all[i]
		var err error
		if o.kind, err = p.text(p.symbols, "symname", symbol&0xffff); err != nil {
			return nil, err
		}
		if field := u(1); field != 0 {
			if o.field, err = p.text(p.fields, "fieldname", field); err != nil {
				return nil, err
			}
		}
		o.named, o.missing = symbol>>31 == 1, symbol>>30&1 == 1
		o.start, o.end, o.line = int(u(2)), int(u(3)), int(u(4))+1
		if (o.kind == "ERROR" || o.missing) && (p.broken == 0 || o.line < p.broken) {
			p.broken = o.line
		}
		if depth >= maxDepth {
			continue
		}
		stack = append(stack[:depth], o)
		if depth > 0 {
			parent := stack[depth-1]
			parent.kids = append(parent.kids, o)
		}
	}
	return &all[0], nil
}

// text is the name of a symbol or field, asked for once.
func (p *Parser) text(known map[uint32]string, export string, id uint32) (string, error) {
	if s, ok := known[id]; ok {
		return s, nil
	}
	at, err := p.call(export, uint64(id))
	if err != nil {
		return "", err
	}
	var out []byte
	for a := uint32(at); a != 0; a++ {
		b, ok := p.module.Memory().ReadByte(a)
		if !ok || b == 0 {
			break
		}
		out = append(out, b)
	}
	known[id] = string(out)
	return known[id], nil
}
