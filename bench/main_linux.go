package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/testenv"
)

// options is the command line.
type options struct {
	rows       string
	servers    string
	rounds     int
	scale      float64
	quick      bool
	format     string
	out        string
	from       string
	writeDocs  string
	dir        string
	serveFlags []string
	nginxLines string
	require    bool
}

func parseOptions(args []string) (options, error) {
	var o options
	var serveFlags string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.rows, "rows", "all", "measure these rows: "+strings.Join(rowNames(), ","))
	f.StringVar(&o.servers, "servers", "all", "measure these servers: "+strings.Join(known, ","))
	f.IntVar(&o.rounds, "rounds", 5, "measurements of each server and row")
	f.Float64Var(&o.scale, "scale", 1, "multiply the requests of a round")
	f.BoolVar(&o.quick, "quick", false, "only show that everything works: few requests, one round, figures that mean nothing")
	f.StringVar(&o.format, "format", "text", "text or json")
	f.StringVar(&o.out, "o", "", "write the figures to this file instead of standard output; a file *.json gets JSON")
	f.StringVar(&o.from, "from", "", "read figures from this file, which -format json wrote, instead of measuring")
	f.StringVar(&o.writeDocs, "write-docs", "", "write the table of ratios into this document, between its markers")
	f.StringVar(&o.dir, "dir", os.TempDir(), "where the served files are made, and removed again")
	f.StringVar(&serveFlags, "serve-flags", "", "more flags for rootbound serve, separated by spaces")
	f.StringVar(&o.nginxLines, "nginx-lines", nginxLines, "how nginx sends: lines for the http block of its configuration")
	f.BoolVar(&o.require, "require", false, "exit 1 also where a bound is not met")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.serveFlags = strings.Fields(serveFlags)
	if strings.HasSuffix(o.out, ".json") {
		o.format = "json"
	}
	if o.quick {
		o.rounds, o.scale = 1, 0.02
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is no flag", f.Arg(0))
	case o.format != "text" && o.format != "json":
		return o, fmt.Errorf("-format %s: want text or json", o.format)
	case o.rounds < 1 || o.scale <= 0:
		return o, errors.New("-rounds and -scale are at least 1 and above 0")
	case o.quick && o.writeDocs != "":
		return o, errors.New("-quick figures are not for documents")
	}
	return o, nil
}

func main() {
	opts, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	good, err := run(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// run measures, or reads what was measured, and writes it where it belongs. It
// returns false where a row failed, or does not meet its bound and must.
func run(opts options) (bool, error) {
	report, err := obtain(opts)
	if err != nil {
		return false, err
	}
	if opts.writeDocs != "" {
		if err := writeDocs(opts.writeDocs, report); err != nil {
			return false, err
		}
	}
	if opts.from == "" || opts.writeDocs == "" {
		if err := output(opts, report); err != nil {
			return false, err
		}
	}
	return report.good(opts.require), nil
}

func obtain(opts options) (*Report, error) {
	if opts.from == "" {
		return measure(opts, os.Stderr)
	}
	text, err := os.ReadFile(opts.from)
	if err != nil {
		return nil, err
	}
	report := new(Report)
	if err := json.Unmarshal(text, report); err != nil {
		return nil, fmt.Errorf("%s: %w", opts.from, err)
	}
	return report, nil
}

func output(opts options, report *Report) error {
	var w io.Writer = os.Stdout
	if opts.out != "" {
		f, err := os.Create(opts.out)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	if opts.format == "json" {
		return report.writeJSON(w)
	}
	return report.writeText(w)
}

// bench is one run.
type bench struct {
	opts        options
	progress    io.Writer
	dir         string
	files       *files
	tools       map[string]string
	rootbound   string
	fileserver  string
	hasCache    bool
	launcher    *launcher
	application *application
	allowed     unix.CPUSet // the cores we had before we pinned ourselves
	serverCore  int
	loadCore    int
	started     int
	servers     map[string]*server
	seen        map[string]bool // rows that a server has answered before
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// count is how many of something a round has.
func (b *bench) count(n int) int { return max(1, int(math.Round(float64(n)*b.opts.scale))) }

// seconds is count for wrk, which knows whole seconds only.
func (b *bench) seconds(n int) int { return b.count(n) }

// measure does the whole run.
func measure(opts options, progress io.Writer) (*Report, error) {
	picked, err := pickRows(opts.rows)
	if err != nil {
		return nil, err
	}
	servers, err := pickServers(opts.servers)
	if err != nil {
		return nil, err
	}
	b := &bench{opts: opts, progress: progress, servers: map[string]*server{}, seen: map[string]bool{}}
	if err := b.findPrograms(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp(opts.dir, "rootbound-bench-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.dir)
	defer removeOnInterrupt(b.dir)()
	if err := b.setUp(); err != nil {
		return nil, err
	}
	defer b.tearDown()
	report, err := b.describe()
	if err != nil {
		return nil, err
	}
	for _, r := range picked {
		r := *r
		r.servers = slices.DeleteFunc(slices.Clone(r.servers), func(s string) bool { return !slices.Contains(servers, s) })
		report.Rows = append(report.Rows, b.measureRow(&r))
	}
	return report, nil
}

// removeOnInterrupt has ^C remove dir before it ends the process; the servers
// end with it by themselves.
func removeOnInterrupt(dir string) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			_ = os.RemoveAll(dir)
			os.Exit(1)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// findPrograms finds or builds everything that will run.
func (b *bench) findPrograms() error {
	peers, err := testenv.Peers()
	if err != nil {
		return err
	}
	b.tools = map[string]string{"nginx": "", "wrk": "", "h2load": ""}
	for _, p := range peers {
		if _, wanted := b.tools[p.Name]; !wanted {
			continue
		}
		path, found := p.Find()
		if !found {
			return fmt.Errorf("%s is missing; install it with: apt-get install -y --no-install-recommends %s", p.Name, p.Package)
		}
		b.tools[p.Name] = path
	}
	if b.rootbound, err = testenv.Build(); err != nil {
		return err
	}
	b.hasCache, err = hasCache(b.rootbound)
	return err
}

// setUp makes what the servers need: the pinned threads, the directory, the
// certificate, the Go server.
func (b *bench) setUp() error {
	if err := unix.SchedGetaffinity(0, &b.allowed); err != nil {
		return err
	}
	b.serverCore, b.loadCore = cores(&b.allowed)
	if err := b.buildFileserver(); err != nil {
		return err
	}
	if err := pinSelf(only(b.loadCore)); err != nil {
		return err
	}
	var err error
	if b.launcher, err = newLauncher(b.serverCore); err != nil {
		return err
	}
	if b.application, err = startApplication(); err != nil {
		return err
	}
	b.files = &files{base: b.path("base"), count: 10_000, distinct: b.count(100_000), made: map[string]bool{}}
	if b.opts.quick {
		b.files.count = 500
	}
	if err := os.Mkdir(b.files.base, 0o755); err != nil {
		return err
	}
	// Servers may run as somebody else.
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if err := users(b.dir); err != nil {
		return err
	}
	return certificate(b.dir)
}

// tearDown ends the servers and lets this process have all its cores again.
func (b *bench) tearDown() {
	b.stopAll()
	b.launcher.close()
	b.application.stop()
	if err := pinSelf(&b.allowed); err != nil {
		fmt.Fprintln(b.progress, err)
	}
}

func (b *bench) buildFileserver() error {
	root, err := testenv.FindRepo()
	if err != nil {
		return err
	}
	b.fileserver = b.path("fileserver")
	cmd := exec.Command("go", "build", "-trimpath", "-o", b.fileserver, "./bench/peers/fileserver")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building ./bench/peers/fileserver: %w\n%s", err, out)
	}
	return nil
}
