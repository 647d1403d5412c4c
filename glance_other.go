//go:build !linux

package rootbound

// Glance is a small regular file that was opened without waiting for anything. There is none on this system, which
// cannot say whether an open will wait.
type Glance struct{ held }

// Glance opens nothing: sure is false.
func (d *Dir) Glance(Name) (g Glance, sure bool, err error) { return Glance{}, false, nil }

// Same is File.Same.
func (g *Glance) Same(l *Loaded) bool { return g.same(l) }

// Size is in bytes.
func (g *Glance) Size() int64 { return g.facts.size }

// Load returns nil.
func (g *Glance) Load(int64) *Loaded { return nil }

// Close does nothing.
func (g *Glance) Close() {}
