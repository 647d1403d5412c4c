package name

import (
	"strings"

	"github.com/rootbound/rootbound/internal/reason"
)

// localSystem refuses whatever Windows reads as something else.
func localSystem(text string) error {
	for elem := range strings.SplitSeq(text, "/") {
		if err := PortableElement(elem); err != nil {
			return reason.New(reason.NamePortable, err)
		}
	}
	return nil
}
