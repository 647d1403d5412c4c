// Command sbom prints the bill of materials of a Go binary as CycloneDX 1.5
// JSON: the module it was built from, every module that is linked into it with
// the checksum go.sum knows it by, and the toolchain.
//
//	sbom [-version VERSION] FILE
//
// What it says is read from the binary itself, so it cannot name what is not
// in there. The same binary always gives the same text.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
)

func main() {
	version := flag.String("version", "", "version of the binary, where it is not the module's")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "sbom: use: sbom [-version VERSION] FILE")
		os.Exit(2)
	}
	if err := run(os.Stdout, flag.Arg(0), *version); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// document is the part of CycloneDX 1.5 that we fill in.
type document struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	PURL    string `json:"purl,omitempty"`
	Hashes  []hash `json:"hashes,omitempty"`
	// Properties hold what CycloneDX has no field for.
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func run(w io.Writer, file, version string) error {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc, err := describe(info, sha256.Sum256(content), version)
	if err != nil {
		return err
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", out)
	return err
}

func describe(info *debug.BuildInfo, sum [sha256.Size]byte, version string) (document, error) {
	if version == "" {
		version = info.Main.Version
	}
	product := component{
		Type: "application", Name: info.Main.Path, Version: version, Ref: purl(info.Main.Path, version),
		PURL: purl(info.Main.Path, version), Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
		Properties: settings(info),
	}
	toolchain := strings.TrimPrefix(info.GoVersion, "go")
	parts := []component{{Type: "library", Name: "std", Version: toolchain, Ref: purl("std", toolchain), PURL: purl("std", toolchain)}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		part := component{Type: "library", Name: m.Path, Version: m.Version, Ref: purl(m.Path, m.Version), PURL: purl(m.Path, m.Version)}
		if m.Sum != "" {
			h, err := moduleHash(m.Sum)
			if err != nil {
				return document{}, fmt.Errorf("%s: %w", m.Path, err)
			}
			part.Hashes = []hash{h}
		}
		parts = append(parts, part)
	}
	depends := dependency{Ref: product.Ref}
	for _, p := range parts {
		depends.DependsOn = append(depends.DependsOn, p.Ref)
	}
	return document{"CycloneDX", "1.5", 1, metadata{product}, parts, []dependency{depends}}, nil
}

// settings are the build's settings that decide what the binary is.
func settings(info *debug.BuildInfo) []property {
	var list []property
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "GOAMD64", "GOARM64", "CGO_ENABLED", "-trimpath":
			list = append(list, property{"go:build:" + s.Key, s.Value})
		}
	}
	return list
}

// moduleHash turns go.sum's "h1:" (SHA-256 in base64) into hexadecimal.
func moduleHash(sum string) (hash, error) {
	text, ok := strings.CutPrefix(sum, "h1:")
	if !ok {
		return hash{}, fmt.Errorf("checksum %q is not of the kind h1", sum)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	return hash{"SHA-256", hex.EncodeToString(b)}, err
}

// purl is a package URL; the type golang is named in its specification.
func purl(path, version string) string {
	if version == "" || version == "(devel)" {
		return "pkg:golang/" + path
	}
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}
