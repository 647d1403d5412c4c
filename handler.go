package rootbound

import (
	"net/http"
	"strings"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

// HandlerConfig says how a directory is mounted in a server. The zero value answers GET, HEAD and OPTIONS for
// regular files, and nothing for directories.
type HandlerConfig struct {
	// Prefix is cut off the request path, by whole elements: "/files" or "/files/" serve what is beneath "/files/".
	Prefix string
	// Field takes the name from this field of the query, not from the path: "file" for /download?file=NAME.
	Field string
	// Index answers a directory with its index.html, and redirects a directory named without its final slash. A name
	// from the query names no directory.
	Index bool
	// Send applies to every file.
	Send SendOptions
	// Refused, where set, is told each refusal with its reason, and why an answer ended early ("unforeseen" where the
	// client went away), for the log. It must be safe for concurrent use.
	Refused func(r *http.Request, err error)
}

// Handler mounts the directory in any Go server or router. Give it the whole path: a router that decodes or cleans
// names would change which file is meant. It reads the request target as it was sent.
func (d *Dir) Handler(cfg HandlerConfig) http.Handler {
	cfg.Prefix = strings.TrimSuffix(cfg.Prefix, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.handle(w, r, &cfg); err != nil {
			if cfg.Refused != nil {
				cfg.Refused(r, err)
			}
			refuse(w, r, err, cfg.Send.refusal())
		}
	})
}

// handle answers, or returns why nothing was sent.
func (d *Dir) handle(w http.ResponseWriter, r *http.Request, cfg *HandlerConfig) error {
	n, err := d.handlerName(r, cfg)
	if err != nil {
		return err
	}
	if ok, code := plan.Method(r.Method); !ok {
		return refusal("method", n.String(), reason.New(code, nil))
	}
	if r.Method == http.MethodOptions {
		p := plan.OptionsPlan()
		writeHeader(w, &p)
		return nil
	}
	f, err := d.OpenName(n)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if f.IsDir() {
		index, err := d.index(f, cfg)
		if err != nil {
			return err
		}
		if !n.WantsDir() {
			_ = index.Close()
			p := plan.SlashPlan(name.Escape(n.Last()))
			writeHeader(w, &p)
			return nil
		}
		_ = f.Close()
		f = index
	}
	o := cfg.Send
	started, err := send(w, r, f, &o)
	if !started {
		return err
	}
	if err != nil {
		if cfg.Refused != nil {
			cfg.Refused(r, err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (d *Dir) handlerName(r *http.Request, cfg *HandlerConfig) (Name, error) {
	if strings.Contains(r.RequestURI, "#") { // net/http would take it for part of the path
		return Name{}, refusal("name", r.RequestURI, reason.New(reason.NameFragment, nil))
	}
	if cfg.Field != "" {
		return d.NameFromQuery(r.URL.RawQuery, cfg.Field)
	}
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), cfg.Prefix)
	if !ok || !strings.HasPrefix(path, "/") {
		return Name{}, refusal("name", r.URL.EscapedPath(), reason.New(reason.Missing, nil))
	}
	return d.NameFromPath(path)
}

func (d *Dir) index(dir *File, cfg *HandlerConfig) (*File, error) {
	if !cfg.Index || cfg.Field != "" { // a redirect would lead away from the query
		return nil, refusal("open", dir.name.String(), reason.New(reason.Directory, nil))
	}
	n, err := d.Child(dir.name, "index.html", false)
	if err != nil {
		return nil, err
	}
	f, err := d.OpenName(n)
	if err == nil && f.IsDir() {
		_ = f.Close()
		return nil, refusal("open", n.String(), reason.New(reason.Directory, nil))
	}
	return f, err
}
