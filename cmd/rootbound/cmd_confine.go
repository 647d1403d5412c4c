package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/confine"
)

type confineCmd struct {
	Read    []string `name:"read" placeholder:"PATH" sep:"none" group:"may" help:"Read and list this file, or everything in this directory. Repeatable."`
	Write   []string `name:"write" placeholder:"PATH" sep:"none" group:"may" help:"Also write, make, rename and remove there. Repeatable."`
	Exec    []string `name:"exec" placeholder:"PATH" sep:"none" group:"may" help:"Read and execute there; --read alone does not execute. Repeatable."`
	Preset  []string `name:"preset" placeholder:"NAME" sep:"none" enum:"python,ruby,php,node" group:"may" help:"What an interpreter needs: itself, its libraries, certificates, names, time zone, and the folder of the script it runs: python, ruby, php or node. Repeatable."`
	Bind    []string `name:"bind" placeholder:"PORT" sep:"none" group:"may" help:"Bind this TCP port; 0 is one that the kernel picks. Repeatable."`
	Connect []string `name:"connect" placeholder:"PORT" sep:"none" group:"may" help:"Connect to this TCP port, or to the Unix socket of this path (with a /). Repeatable."`
	Net     string   `name:"net" placeholder:"KIND" default:"all" enum:"all,none,tcp" group:"may" help:"Sockets: all (default) leaves UDP and Unix sockets open; tcp is TCP alone; none is no network."`
	Hide    bool     `name:"hide" group:"held" help:"Nothing exists for the command but what the rules name: a mount namespace of its own."`
	Sandbox string   `name:"sandbox" placeholder:"MODE" default:"require" enum:"require,auto" group:"held" help:"Where the kernel cannot enforce something: require (default) does not start; auto says what is missing, and starts."`
	Explain bool     `name:"explain" group:"instead" help:"Print the rules, what this kernel enforces and what stays open; run nothing."`
	Learn   bool     `name:"learn" group:"instead" help:"Run the command without confinement, watch it, and propose flags. Its standard output goes to standard error."`
	Format  string   `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" group:"instead" help:"Of --explain and --learn: text (default) or json."`

	Command []string `arg:"" optional:"" passthrough:"" help:"The command and its arguments, after --."`
}

// Run becomes the command, or tells about it.
func (c *confineCmd) Run(s *surroundings) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	switch {
	case c.Explain && c.Learn:
		return usage("--explain", "it runs nothing, and --learn does", "Leave one of them out")
	case c.Format != "text" && !c.Explain && !c.Learn:
		return usage("--format "+c.Format, "there is nothing to print", "Add --explain or --learn")
	case len(cfg.Command) == 0 && !c.Explain:
		return usage("confine", "no command was named", "Write rootbound confine --read DIR -- COMMAND")
	case c.Learn:
		return c.learn(s, cfg)
	}
	plan, err := confine.New(cfg)
	if err != nil {
		return confineError(err)
	}
	if c.Explain {
		if c.Format == "json" {
			return plan.ExplainJSON(s.stdout)
		}
		return plan.Explain(s.stdout)
	}
	if c.Sandbox == "auto" {
		for _, what := range plan.Missing() {
			if _, err := fmt.Fprintln(s.stderr, "rootbound: not enforced by this kernel: "+what); err != nil {
				return err
			}
		}
	}
	status, err := plan.Exec()
	if err != nil {
		return confineError(err)
	}
	return asStatus(status)
}

func asStatus(status int) error {
	if status == 0 {
		return nil
	}
	return &alreadyTold{status}
}

func (c *confineCmd) learn(s *surroundings, cfg confine.Config) error {
	lesson, err := confine.Learn(s.ctx, cfg, s.stdin, s.stderr, s.stderr)
	if err != nil {
		return confineError(err)
	}
	var out bytes.Buffer
	write := lesson.Write
	if c.Format == "json" {
		write = lesson.WriteJSON
	}
	if err := write(&out); err != nil {
		return err
	}
	if _, err := out.WriteTo(s.stdout); err != nil {
		return err
	}
	return asStatus(lesson.Status)
}

func (c *confineCmd) config() (confine.Config, error) {
	cfg := confine.Config{Read: c.Read, Write: c.Write, Exec: c.Exec, Presets: c.Preset, Hide: c.Hide, BestEffort: c.Sandbox == "auto", Command: c.Command}
	if len(cfg.Command) > 0 && cfg.Command[0] == "--" {
		cfg.Command = cfg.Command[1:]
	}
	var err error
	if cfg.Net, err = confine.ParseNet(c.Net); err != nil {
		return cfg, confineError(err)
	}
	if cfg.Bind, err = portNumbers("--bind", c.Bind, 0, ""); err != nil {
		return cfg, err
	}
	var numbers []string
	for _, word := range c.Connect {
		if strings.ContainsRune(word, filepath.Separator) || strings.Contains(word, "/") {
			cfg.Sockets = append(cfg.Sockets, word)
		} else {
			numbers = append(numbers, word)
		}
	}
	cfg.Connect, err = portNumbers("--connect", numbers, 1, ", or the path of a Unix socket with its slash")
	return cfg, err
}

func portNumbers(flag string, words []string, least uint64, or string) (out []uint16, err error) {
	for _, w := range words {
		n, err := strconv.ParseUint(w, 10, 16)
		if err != nil || n < least {
			return nil, usage(fmt.Sprintf("%s %q", flag, w), "it is not a port", fmt.Sprintf("Write a number from %d to 65535%s", least, or))
		}
		out = append(out, uint16(n))
	}
	return out, nil
}

// confineError makes wrong use of what can be put right.
func confineError(err error) error {
	var rule *confine.RuleError
	switch {
	case errors.As(err, &rule):
		return usage(rule.What, rule.Rule, rule.Remedy)
	case errors.Is(err, confine.ErrUnsupported):
		return usage("confine", "it needs Linux, whose kernel it asks to confine the command", "Run it on Linux")
	}
	return usage("confine", strings.TrimPrefix(err.Error(), "confine: "), "See 'rootbound confine --help'")
}
