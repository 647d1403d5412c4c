package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The bill of this very test program names the modules it is linked with.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(&out, self, "v1.2.3+x"); err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	want := []string{"std"}
	for _, m := range info.Deps {
		want = append(want, m.Path)
	}
	var got []string
	for _, c := range doc.Components {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	if ref := doc.Metadata.Component.Ref; !strings.HasSuffix(ref, "@v1.2.3%2Bx") {
		t.Errorf("bom-ref = %q, want the version at its end", ref)
	}
}

func TestDescribe(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.5",
		Main:      debug.Module{Path: "example.test/m", Version: "(devel)"},
		Deps:      []*debug.Module{{Path: "example.test/d", Version: "v1.0.0", Sum: "h1:AAEC"}},
	}
	doc, err := describe(info, [32]byte{}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []component{
		{Type: "library", Name: "std", Version: "1.26.5", Ref: "pkg:golang/std@1.26.5", PURL: "pkg:golang/std@1.26.5"},
		{
			Type: "library", Name: "example.test/d", Version: "v1.0.0", Ref: "pkg:golang/example.test/d@v1.0.0",
			PURL: "pkg:golang/example.test/d@v1.0.0", Hashes: []hash{{"SHA-256", "000102"}},
		},
	}
	if diff := cmp.Diff(want, doc.Components); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	info.Deps[0].Sum = "h2:AAEC"
	if _, err := describe(info, [32]byte{}, ""); err == nil {
		t.Error("describe accepted a checksum of an unknown kind")
	}
}

func TestRunRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("not a binary"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(&bytes.Buffer{}, path, ""); err == nil {
		t.Error("run accepted a text file")
	}
}
