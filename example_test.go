package rootbound_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"github.com/rootbound/rootbound"
)

// exampleDir makes a directory to serve, with a link that leads out of it, and the function that removes it.
func exampleDir() (path string, remove func()) {
	top, err := os.MkdirTemp("", "rootbound-example-*")
	if err != nil {
		log.Fatal(err)
	}
	path = filepath.Join(top, "files")
	err = errors.Join(
		os.MkdirAll(filepath.Join(path, "reports"), 0o755),
		os.WriteFile(filepath.Join(path, "reports", "may.txt"), []byte("all is well"), 0o644),
		os.WriteFile(filepath.Join(path, ".env"), []byte("KEY=1"), 0o600),
		os.WriteFile(filepath.Join(top, "secret.txt"), []byte("secret"), 0o600),
		os.Symlink("../secret.txt", filepath.Join(path, "link.txt")),
	)
	if err != nil {
		log.Fatal(err)
	}
	return path, func() { _ = os.RemoveAll(top) }
}

func ExampleOpen() {
	path, remove := exampleDir()
	defer remove()

	dir, err := rootbound.Open(path, rootbound.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	f, err := dir.Open("reports/may.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", text)

	for _, name := range []string{"../secret.txt", "link.txt", ".env", "june.txt"} {
		_, err := dir.Open(name)
		fmt.Println(rootbound.Status(err), rootbound.ReasonOf(err))
	}
	// Output:
	// all is well
	// 403 name-traversal
	// 404 link-refused
	// 403 name-hidden
	// 404 missing
}

func ExampleDir_FS() {
	path, remove := exampleDir()
	defer remove()

	dir, err := rootbound.Open(path, rootbound.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	err = fs.WalkDir(dir.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		fmt.Println(name)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// .
	// reports
	// reports/may.txt
}

func ExampleDir_NameFromPath() {
	path, remove := exampleDir()
	defer remove()

	dir, err := rootbound.Open(path, rootbound.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()

	for _, target := range []string{"/reports/may%2etxt", "/reports/", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%252e%252e"} {
		name, err := dir.NameFromPath(target)
		if err != nil {
			fmt.Println(rootbound.ReasonOf(err))
			continue
		}
		fmt.Println(name, name.WantsDir())
	}
	// Output:
	// reports/may.txt false
	// reports true
	// name-traversal
	// name-encoded-separator
	// %2e%2e false
}

func ExampleDir_Sub() {
	path, remove := exampleDir()
	defer remove()

	dir, err := rootbound.Open(path, rootbound.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	reports, err := dir.Sub("reports")
	if err != nil {
		log.Fatal(err)
	}
	defer reports.Close()

	f, err := reports.Open("may.txt")
	fmt.Println(f.Size(), err)
	if err == nil {
		err = f.Close()
	}
	fmt.Println(err)
	// Output:
	// 11 <nil>
	// <nil>
}

func ExampleLocal() {
	fmt.Println(rootbound.Local("a/b.txt"))
	fmt.Println(rootbound.Local("a/../b.txt"))
	// Output:
	// <nil>
	// an element of the name is '..'
}

func ExamplePortable() {
	fmt.Println(rootbound.Portable("report.txt"))
	fmt.Println(rootbound.Portable("NUL.txt"))
	// Output:
	// <nil>
	// another system would misread the name (device name)
}

func ExampleStrict() {
	fmt.Println(rootbound.Strict("report-2.txt"))
	fmt.Println(rootbound.Strict("report 2.txt"))
	// Output:
	// <nil>
	// the name is not on the strict allowlist
}

func ExampleNamePolicy() {
	path, remove := exampleDir()
	defer remove()

	textOnly := func(name string) error {
		if filepath.Ext(name) != ".txt" && filepath.Ext(name) != "" {
			return errors.New("only text is served")
		}
		return rootbound.Portable(name)
	}
	dir, err := rootbound.Open(path, rootbound.Config{Names: textOnly})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	_, err = dir.Name("reports/may.pdf")
	fmt.Println(rootbound.Status(err), rootbound.ReasonOf(err))
	// Output:
	// 403 name-policy
}
