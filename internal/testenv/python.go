package testenv

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Python runs a script with Debian's Python, where python3-flask and
// python3-werkzeug are, and returns what it prints. args are sys.argv[1:].
func Python(tb testing.TB, script string, stdin []byte, args ...string) []byte {
	tb.Helper()
	cmd := exec.Command(Need(tb, "python3"), append([]string{"-c", script}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = pythonEnv()
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("python3: %v\n%s", err, errors.Bytes())
	}
	return out
}

// Gunicorn starts a WSGI application ("module:variable" in dir) under a real
// gunicorn with two workers on a free loopback port and returns its URL without
// a final slash. env are further variables, "NAME=value". The end of the test
// stops it.
func Gunicorn(tb testing.TB, dir, module string, env ...string) string {
	tb.Helper()
	Need(tb, "gunicorn")
	Need(tb, "flask")
	listener, addr := listen(tb)
	cmd := exec.Command(Need(tb, "python3"), "-m", "gunicorn", "--bind", "fd://3", "--workers", "2", module)
	cmd.Dir = dir
	cmd.Env = append(pythonEnv(), env...)
	cmd.ExtraFiles = []*os.File{listener}
	Start(tb, cmd, Answers("http://"+addr+"/"))
	return "http://" + addr
}

// pythonEnv keeps byte code out of the test's directories, which may be the
// very directories that are served.
func pythonEnv() []string {
	return append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8:surrogateescape")
}
