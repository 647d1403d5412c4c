package confine

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxInterpreters is how often a script's interpreter may itself be a script, execve(2).
const maxInterpreters = 5

// program is a file that is executed on the way to running a command.
type program struct {
	path   string   // as it was named
	links  []string // path, and what it is a link to, to the last
	script bool
}

func (p program) real() string { return p.links[len(p.links)-1] }

// chain are the programs that the kernel executes for a command: the program itself, the interpreter of its first line,
// and the program that env(1) would find. None of them is run to find out.
func chain(name string) ([]program, error) {
	path, err := exec.LookPath(name)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, noCommand(name, err)
	}
	path = unshim(path)
	var out []program
	for range maxInterpreters {
		p, rest, err := look(path)
		if err != nil {
			return nil, noCommand(name, err)
		}
		out = append(out, p)
		if !p.script {
			return out, nil
		}
		words := strings.Fields(rest)
		if len(words) == 0 {
			return nil, &RuleError{fmt.Sprintf("command %q", name), "the first line of " + quotePath(path) + " names no interpreter", "Name the interpreter before it"}
		}
		path = words[0]
		if filepath.Base(path) == "env" {
			env, _, err := look(path)
			if err != nil {
				return nil, noCommand(name, err)
			}
			out = append(out, env)
			if path, err = exec.LookPath(envTarget(words[1:])); err != nil {
				return nil, noCommand(name, err)
			}
			path = unshim(path)
		}
		if strings.Contains(out[0].path, "/shims/") {
			return nil, &RuleError{fmt.Sprintf("command %q", name), "it is a script that picks a version of the interpreter when it runs", "Name the interpreter itself, as 'pyenv which' or 'rbenv which' prints it"}
		}
	}
	return nil, &RuleError{fmt.Sprintf("command %q", name), "its interpreters are scripts themselves", "Name the interpreter before it"}
}

// envTarget is the program among the arguments of env(1).
func envTarget(words []string) string {
	for _, w := range words {
		if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
			return w
		}
	}
	return ""
}

func noCommand(name string, err error) error {
	rule := "it cannot be executed"
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		rule = "it does not exist"
	case errors.Is(err, fs.ErrPermission):
		rule = "this user may not execute it"
	}
	return &RuleError{fmt.Sprintf("command %q", name), rule, "Name a program that can be executed, by a path or as found on PATH"}
}

// look follows the links of a program and reads its first line where it is a script.
func look(path string) (p program, rest string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return p, "", err
	}
	if p.links, err = links(abs); err != nil {
		return p, "", err
	}
	p.path = abs
	f, err := os.Open(p.real())
	if err != nil {
		if errors.Is(err, fs.ErrPermission) { // executable and not readable: no script, which must be read
			return p, "", nil
		}
		return p, "", err
	}
	defer func() { _ = f.Close() }()
	line, err := bufio.NewReaderSize(f, 256).ReadSlice('\n')
	if len(line) == 0 && err != nil {
		return p, "", nil
	}
	if text, ok := strings.CutPrefix(string(line), "#!"); ok {
		p.script = true
		return p, text, nil
	}
	return p, "", nil
}

// links are a path and everything its last element is a link to, one after the other, the last with no link in it at all.
func links(path string) (out []string, err error) {
	for range 40 {
		out = append(out, path)
		target, err := os.Readlink(path)
		if err != nil {
			real, err := filepath.EvalSymlinks(path)
			if err == nil && real != path {
				out = append(out, real)
			}
			return out, err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return nil, fs.ErrInvalid
}

// loader is what the kernel executes to load a dynamic program ("" for a static one), and where the program itself says
// that its libraries are.
func loader(path string) (interp string, libraries []string) {
	f, err := elf.Open(path)
	if err != nil {
		return "", nil
	}
	defer func() { _ = f.Close() }()
	for _, prog := range f.Progs {
		if prog.Type != elf.PT_INTERP || prog.Filesz > 4096 {
			continue
		}
		text := make([]byte, prog.Filesz)
		if _, err := prog.ReadAt(text, 0); err == nil {
			interp = strings.TrimRight(string(text), "\x00")
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		lists, err := f.DynString(tag)
		if err != nil {
			continue
		}
		for _, list := range lists {
			for _, dir := range strings.Split(list, ":") {
				dir = strings.NewReplacer("$ORIGIN", filepath.Dir(path), "${ORIGIN}", filepath.Dir(path)).Replace(dir)
				if filepath.IsAbs(dir) {
					libraries = append(libraries, filepath.Clean(dir))
				}
			}
		}
	}
	return interp, libraries
}
