//go:build !linux

package server

import (
	"context"
	"net"
)

// fast is the fast lane, which only Linux has.
type fast struct{}

func (s *Server) fastEndpoints() (quick, rest []*endpoint) { return nil, s.endpoints }

func (s *Server) startFast([]*endpoint, *places) *fast { return nil }

func (f *fast) listener() net.Listener { return nil }

func (f *fast) stop(context.Context) error { return nil }

func (f *fast) flush() {}

func (f *fast) serveTLS(chan<- error) int { return 0 }
