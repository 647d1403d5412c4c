package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Serve      serveCmd      `cmd:"" help:"Serve directories over HTTP."`
	Gate       gateCmd       `cmd:"" help:"Send the files that an application names, and nothing else."`
	Confine    confineCmd    `cmd:"" help:"Start a command that can reach nothing but what is named."`
	Inspect    inspectCmd    `cmd:"" help:"Say whether a directory is fit to be served."`
	User       userCmd       `cmd:"" help:"Work with users and their passwords."`
	Token      tokenCmd      `cmd:"" help:"Make and revoke API tokens of users."`
	Authz      authzCmd      `cmd:"" help:"Say who may have what, and why."`
	Link       linkCmd       `cmd:"" help:"Make signed links, list them and take them back."`
	Config     configCmd     `cmd:"" help:"Work with configuration files."`
	Audit      auditCmd      `cmd:"" help:"Check and search the record of who got what."`
	Probe      probeCmd      `cmd:"" help:"Attack a running server of yours, and report what it hands out."`
	Vet        vetCmd        `cmd:"" help:"Review source and web server configuration for unsafe file serving."`
	Review     reviewCmd     `cmd:"" help:"Look at directories and servers with all of these, and write one report to hand on."`
	Completion completionCmd `cmd:"" help:"Print completion for a shell."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// surroundings are what a command has from the process.
type surroundings struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
}

// parserExit is how kong's wish to end the process (after --help and --version) leaves the parser.
type parserExit int

// run is the program without the process around it; it returns the exit status. ctx ends what it started.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) string) int {
	s := &surroundings{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, env: env}
	parser, err := newParser(s)
	if err != nil {
		return report(stderr, err)
	}
	command, code, err := parse(parser, args)
	if command == nil {
		if err != nil {
			return report(stderr, err)
		}
		return code
	}
	return report(stderr, command.Run(s))
}

func newParser(s *surroundings) (*kong.Kong, error) { return newParserFor(&cli{}, s) }

// newParserFor lets the caller keep what was parsed.
func newParserFor(c *cli, s *surroundings) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("rootbound"),
		kong.Description("Hands out files and nothing beyond the directory you name."),
		kong.Vars{"version": versionText()},
		kong.Writers(s.stdout, s.stderr),
		kong.Exit(func(code int) { panic(parserExit(code)) }),
		kong.Help(helpWithExamples),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ExplicitGroups(flagGroups),
	)
}

// parse returns the chosen command, or the exit status of a parser that has done everything (help, version).
func parse(parser *kong.Kong, args []string) (command *kong.Context, code int, err error) {
	defer func() {
		if p := recover(); p != nil {
			status, ok := p.(parserExit)
			if !ok {
				panic(p)
			}
			command, code, err = nil, int(status), nil
		}
	}()
	command, err = parser.Parse(args)
	if err != nil {
		return nil, exitUsage, wrongUse(err)
	}
	return command, exitFine, nil
}

// wrongUse makes kong's errors one line in the form of all others.
func wrongUse(err error) error {
	what, help := "command line", "rootbound --help"
	var pe *kong.ParseError
	if errors.As(err, &pe) && pe.Context != nil && pe.Context.Selected() != nil {
		help = pe.Context.Selected().FullPath() + " --help"
	}
	rule, hint, found := strings.Cut(err.Error(), ", did you mean ")
	if flag, _, missing := strings.Cut(rule, ": expected "); missing && strings.Contains(rule, `"EOL"`) {
		rule = flag + ": its value is missing"
	}
	remedy := fmt.Sprintf("See '%s'", help)
	if found {
		remedy = "Did you mean " + hint + " " + remedy
	}
	return usage(what, rule, remedy)
}
