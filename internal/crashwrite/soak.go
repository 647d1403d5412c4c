package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/rootbound/rootbound"
)

// soak makes uploads without end. What they hold says how long it must be, so that a reader needs nothing else to
// tell a whole file from a part: sixteen digits, and as many bytes as they say.
func soak(dir *rootbound.Dir, workers int, out io.Writer) error {
	errs := make(chan error, workers)
	var mu sync.Mutex
	for w := range workers {
		go func() {
			for i := 0; ; i++ {
				name, overwrite := rootbound.RandomName(), false
				if i%3 == 0 {
					name, overwrite = fmt.Sprintf("shared-%d", w%4), true
				}
				size := rand.IntN(100_000)
				content := fmt.Sprintf("%016d", size) + strings.Repeat("s", size)
				if err := upload(dir, name, strings.NewReader(content), overwrite); err != nil {
					errs <- err
					return
				}
				mu.Lock()
				fmt.Fprintln(out, name)
				mu.Unlock()
			}
		}()
	}
	return <-errs
}
