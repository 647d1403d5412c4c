package main_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/testenv"
)

// replica is a server with the state of others.
type replica struct {
	*testenv.Process
	url string
}

func startReplica(t *testing.T, args ...string) *replica {
	t.Helper()
	p := testenv.Start(t, exec.Command(testenv.Binary(t), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...), nil)
	return &replica{p, p.Expect(t, regexp.MustCompile(`listening on (http://\S+)`))[1]}
}

func (r *replica) status(t *testing.T, name, password string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/hello.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(name, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// becomes waits until a user is answered so.
func (r *replica) becomes(t *testing.T, want int, name, password string) {
	t.Helper()
	got := 0
	for end := time.Now().Add(patience); got != want; time.Sleep(50 * time.Millisecond) {
		if got = r.status(t, name, password); time.Now().After(end) {
			t.Fatalf("%s is answered %d, want %d", name, got, want)
		}
	}
}

// user runs a command about users.
func user(t *testing.T, password string, args ...string) {
	t.Helper()
	cmd := exec.Command(testenv.Binary(t), append([]string{"user"}, args...)...)
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("user %q: %v\n%s", args, err, out)
	}
}

// TestStateOfReplicas has two servers share a PostgreSQL, confined as they are by default: one reaches it by TCP with a
// password that stands in its configuration, the other by the Unix socket.
func TestStateOfReplicas(t *testing.T) {
	pg := testenv.Postgres(t)
	socket := pg.Database(t)
	files, conf := t.TempDir(), filepath.Join(t.TempDir(), "rootbound.toml")
	if err := os.WriteFile(filepath.Join(files, "hello.txt"), []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte("[state]\ndsn = "+quoted(pg.TCP(socket))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	user(t, "a long password", "add", "alice", "--config", conf)
	byTCP, bySocket := startReplica(t, "--config", conf, files), startReplica(t, "--state", socket, files)
	both := []*replica{byTCP, bySocket}
	for _, r := range both {
		r.becomes(t, http.StatusOK, "alice", "a long password")
	}
	user(t, "a long password", "add", "bob", "--state", socket)
	user(t, "a long password", "add", "carol", "--state", socket)
	for _, r := range both {
		r.becomes(t, http.StatusOK, "bob", "a long password")
	}
	user(t, "", "disable", "bob", "--state", socket)
	for _, r := range both {
		r.becomes(t, http.StatusUnauthorized, "bob", "a long password")
	}

	pg.Kill()
	for _, r := range both {
		r.Expect(t, regexp.MustCompile("the state is out of reach"))
		if got := r.status(t, "carol", "a long password"); got != http.StatusServiceUnavailable {
			t.Errorf("who was not in yet is answered %d while the state is gone", got)
		}
		if got := r.status(t, "alice", "a long password"); got != http.StatusOK {
			t.Errorf("who was in is answered %d while the state is gone", got)
		}
		if got := r.status(t, "bob", "a long password"); got == http.StatusOK {
			t.Error("who was out is in while the state is gone")
		}
	}
	pg.Start(t)
	for _, r := range both {
		r.becomes(t, http.StatusOK, "carol", "a long password")
		r.Stop()
		for _, secret := range []string{pg.Password, "a long password", "%40"} {
			if strings.Contains(r.Log(), secret) {
				t.Errorf("the log holds %q:\n%s", secret, r.Log())
			}
		}
		if !strings.Contains(r.Log(), `"enforced":"files tcp`) || !strings.Contains(r.Log(), "the state is back") {
			t.Errorf("it was not confined, or does not tell that the state is back:\n%s", r.Log())
		}
	}
}

// TestStateFromWithin: SQLite opens its file anew for each of those who ask it at once, and does so when the server is confined
// already.
func TestStateFromWithin(t *testing.T) {
	files, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	keys := filepath.Join(t.TempDir(), "keys")
	for path, text := range map[string]string{filepath.Join(files, "hello.txt"): "hello\n", keys: "k1:" + strings.Repeat("QUJD", 16) + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(kept, "state.db")
	r := startReplica(t, "--public", "--link-keys", keys, "--state", db, "--sandbox", "require", files)
	out, err := exec.Command(testenv.Binary(t), "link", "create", "--link-keys", keys, "--state", db, "--expires", "1h", "--uses", "100", "hello.txt").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			resp, err := http.Get(r.url + strings.TrimSpace(string(out)))
			if err != nil {
				t.Error(err)
				return
			}
			if resp.StatusCode != http.StatusOK {
				t.Errorf("a link that holds is answered %s", resp.Status)
			}
			_ = resp.Body.Close()
		})
	}
	all.Wait()
}

func quoted(s string) string { return "'" + s + "'" }
