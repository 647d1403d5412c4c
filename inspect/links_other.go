//go:build !linux

package inspect

import "errors"

// resolver asks os.Root where links lead, confined to the base.
type resolver struct{ base *directory }

func (r *resolver) open(base *directory, _ string) { r.base = base }

func (r *resolver) close() {}

func (r *resolver) leads(name string) (leads, error) { return leadsOf(r.base.root, name) }

// follow cannot say where a link leads without following it by its path.
func (h *handle) follow(string) (path, kind string, err error) { return "", "", errors.ErrUnsupported }
