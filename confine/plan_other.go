//go:build !linux

package confine

import (
	"context"
	"io"
)

// New returns ErrUnsupported.
func New(Config) (*Plan, error) { return nil, ErrUnsupported }

// Exec returns ErrUnsupported.
func (p *Plan) Exec() (int, error) { return 0, ErrUnsupported }

// Learn returns ErrUnsupported.
func Learn(context.Context, Config, io.Reader, io.Writer, io.Writer) (*Lesson, error) {
	return nil, ErrUnsupported
}
