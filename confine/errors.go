package confine

import (
	"errors"
	"fmt"
)

// ErrUnsupported means that this system is not Linux.
var ErrUnsupported = errors.New("confine: needs Linux")

// RuleError is a rule or a command that cannot be used: What it is, such as `--read "x"`, the Rule it does not keep and
// the Remedy, each without a final dot.
type RuleError struct{ What, Rule, Remedy string }

func (e *RuleError) Error() string {
	return fmt.Sprintf("confine: %s: %s. %s.", e.What, e.Rule, e.Remedy)
}
