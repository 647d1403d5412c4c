package rootbound_test

import (
	"os"
	"testing"

	"github.com/rootbound/rootbound/internal/docrun"
	"github.com/rootbound/rootbound/internal/testenv"
)

// maxUnmarked is how many code blocks of the documentation may be neither run
// nor marked as what they are. It goes down, not up.
const maxUnmarked = 0

// TestDocs runs the code blocks of README.md and docs/; package docrun says how
// blocks are marked.
func TestDocs(t *testing.T) {
	t.Parallel()
	config := docrun.Config{Repo: testenv.Repo(t), Binary: testenv.Binary, CheckTOML: true}
	files, err := docrun.Files(config.Repo)
	if err != nil {
		t.Fatal(err)
	}
	total, ran := 0, 0
	var unmarked []docrun.Block
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := docrun.Blocks(file, src)
		if err != nil {
			t.Error(err)
			continue
		}
		t.Run(file, func(t *testing.T) { config.Run(t, blocks) })
		for _, b := range blocks {
			if b.Runs() {
				ran++
			}
		}
		total += len(blocks)
		unmarked = append(unmarked, config.Unmarked(blocks)...)
	}
	t.Logf("note: documents: %d files, %d code blocks, %d run, %d unmarked", len(files), total, ran, len(unmarked))
	if len(unmarked) > maxUnmarked {
		for _, b := range unmarked {
			t.Errorf("%s:%d: unmarked code block %q", b.File, b.Line, b.Info)
		}
	}
}
