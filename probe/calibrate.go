package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// calibrate learns what the server answers ordinarily: to a file that it serves, to names that are missing, to a hidden name.
func (r *run) calibrate(ctx context.Context) error {
	r.begin("calibration", 8)
	x := r.target.http1()
	if r.config.HTTP == "2" {
		x = r.target.http2()
	}
	defer x.close()
	r.findOrdinary()
	first, err := r.ask(ctx, x, attempt{Case: plainCase(newAbsent())})
	if err == nil && first.late {
		err = errLate
	}
	if err != nil {
		return r.unanswered(err)
	}
	r.platform = r.learnPlatform(first)
	r.normal = append(r.normal, first)
	for _, name := range []string{newAbsent(), newAbsent() + ".bak", digits(30), "sub" + digits(4) + "/" + newAbsent()} {
		if a, err := r.ask(ctx, x, attempt{Case: plainCase(name)}); err == nil && a != nil {
			r.normal = append(r.normal, a)
		}
	}
	r.tellNormal()
	if r.config.Mode == Upload {
		return nil
	}
	if err := r.checkOrdinary(ctx, x); err != nil {
		return err
	}
	return r.checkHidden(ctx, x)
}

func (r *run) unanswered(err error) error {
	what := "URL " + quote(r.config.URL)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case timedOut(err):
		return &ConfigError{what, "it takes the connection and does not answer within " + r.config.Timeout.String(), "Name a server that answers, or give it longer with --timeout"}
	case errors.Is(err, errLate):
		return &ConfigError{what, "it begins an answer and does not end it within " + r.config.Timeout.String(), "Name a server that answers, or give it longer with --timeout"}
	case errors.Is(err, errGarbage):
		return &ConfigError{what, err.Error(), "Name an HTTP server"}
	case strings.Contains(err.Error(), "certificate"):
		return &ConfigError{what, "its certificate is not trusted here (" + err.Error() + ")", "Add --insecure if it is your own"}
	}
	return &ConfigError{what, err.Error(), "Name a server that answers"}
}

// tellNormal notes what makes answers hard to judge.
func (r *run) tellNormal() {
	found, moved, to := 0, 0, ""
	for _, a := range r.normal {
		if a.status == 200 {
			found++
		}
		if l := a.redirect(); l != "" {
			moved, to = moved+1, l
		}
	}
	switch {
	case r.config.Mode == Upload:
	case found == len(r.normal):
		r.note("missing names are answered 200: what exists can only be told by its content")
	case moved == len(r.normal):
		r.note("missing names are redirected, to %.200q for one: redirects to other hosts are not followed", to)
	case r.normal[0].status == 401:
		r.note("the server asks who is there (401): give it credentials with --header, or what needs them was not tried")
	case r.normal[0].status == 0:
		r.note("the server closes the connection when it is asked for a missing name")
	}
}

// learnPlatform decides which system's names are worth a try.
func (r *run) learnPlatform(a *answer) string {
	if r.config.Platform != "auto" {
		return r.config.Platform
	}
	server := strings.ToLower(a.get("Server") + " " + a.get("X-Powered-By"))
	switch {
	case strings.Contains(server, "iis") || strings.Contains(server, "win32") || strings.Contains(server, "win64") || strings.Contains(server, "asp.net"):
		return "windows"
	case r.config.Base != "" && runtime.GOOS == "windows":
		return "windows"
	case r.config.Base != "" || strings.Contains(server, "unix") || strings.Contains(server, "debian") || strings.Contains(server, "ubuntu"):
		r.note("names that only Windows misreads were left out; --platform any sends them too")
		return "unix"
	}
	return "any"
}

// maxOrdinary bounds the file of the base that is asked for, in bytes.
const maxOrdinary = 256 << 10

// findOrdinary chooses a file that the server should serve: the one named, the one planted, or the first one of the base.
func (r *run) findOrdinary() {
	switch {
	case r.config.File != "":
		r.ordinary = r.config.File
		r.body = r.inBase(r.ordinary)
	case r.garden.planted:
		r.ordinary, r.body = r.garden.names.plain, r.garden.body
	case r.config.Base != "":
		r.ordinary, r.body = r.firstOfBase()
	}
}

func (r *run) firstOfBase() (string, []byte) {
	root, err := os.OpenRoot(r.config.Base)
	if err != nil {
		return "", nil
	}
	defer root.Close()
	entries, _ := fs.ReadDir(root.FS(), ".") // what can be read
	for _, e := range entries[:min(len(entries), 10_000)] {
		fi, err := e.Info()
		if err != nil || !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") || fi.Size() == 0 || fi.Size() > maxOrdinary || fi.Mode()&0o004 == 0 {
			continue
		}
		if !plainName(e.Name()) {
			continue
		}
		if body := r.inBase(e.Name()); body != nil {
			return e.Name(), body
		}
	}
	return "", nil
}

// plainName says whether a name is of the kind that any server takes.
func plainName(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_')
	})
}

// inBase reads a file of the base, or returns nil.
func (r *run) inBase(name string) []byte {
	if r.config.Base == "" {
		return nil
	}
	root, err := os.OpenRoot(r.config.Base)
	if err != nil {
		return nil
	}
	defer root.Close()
	fi, err := root.Lstat(name)
	if err != nil || !fi.Mode().IsRegular() {
		return nil
	}
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxOrdinary+1))
	if err != nil || len(body) > maxOrdinary {
		return nil
	}
	return body
}

// checkOrdinary asks for the ordinary file: a server that does not serve it is asked at the wrong place, and what is not found
// there says nothing.
func (r *run) checkOrdinary(ctx context.Context, x exchanger) error {
	if r.ordinary == "" {
		r.note("no file is known that the server serves: name one with --file, so that a run that asks at the wrong place shows")
		return nil
	}
	a, err := r.arrive(ctx, x, attempt{Case: plainCase(r.ordinary)})
	if err != nil {
		return r.unanswered(err)
	}
	served := a != nil && a.status == 200 && (r.body == nil || holdsBeginning(a, r.body))
	if served && r.body == nil {
		r.body = a.body
	}
	if served {
		return nil
	}
	status := 0
	if a != nil {
		status = a.status
	}
	if !r.config.Blind {
		return &ConfigError{
			"URL " + quote(r.config.URL), "the ordinary file " + quote(r.ordinary) + " is not served there (" + statusText(status) + "), so that what follows would say nothing",
			"Put " + Place + " where the server takes names, name a file that it serves with --file, or go on with --blind",
		}
	}
	r.note("the ordinary file %q is not served (%s): that nothing is found says little", r.ordinary, statusText(status))
	return nil
}

// holdsBeginning says whether an answer holds the beginning of a file, in any form that a canary would be recognised in.
func holdsBeginning(a *answer, body []byte) bool {
	first := secretOf(string(body[:min(len(body), 32)]))
	_, ok := first.in(a)
	return ok || bytes.Contains(deflated(a), []byte(first.text))
}

// checkHidden asks for hidden files by their plain names: only where that is refused can a spelling get by the refusal.
func (r *run) checkHidden(ctx context.Context, x exchanger) error {
	if !r.garden.planted {
		return nil
	}
	refused := func(name string) (bool, error) {
		a, err := r.arrive(ctx, x, attempt{Case: plainCase(name)})
		if err != nil || a == nil {
			return false, err
		}
		_, served := r.garden.hidden.in(a)
		return !served, nil
	}
	var err error
	if r.hides, err = refused(r.garden.names.hiddenA); err == nil && !r.hides {
		r.denies, err = refused(r.garden.names.dir + "/" + denied)
	}
	switch {
	case err != nil:
		return r.unanswered(err)
	case r.denies:
		r.note("names that start with a dot are served, and %s is not: what else is meant to be hidden must be on the server's list", denied)
	case !r.hides:
		r.note("names that start with a dot are served; where that is not meant, .env and .git are served too")
	}
	return nil
}
