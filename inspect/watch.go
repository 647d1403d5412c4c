package inspect

import (
	"context"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
)

// Change is what one look found otherwise than the one before it.
type Change struct {
	Time    time.Time          `json:"time"`
	Summary string             `json:"summary"` // of the look
	New     []finding.Finding  `json:"new"`
	Gone    []finding.Accepted `json:"gone"`
}

// restFor bounds what watching costs: after a look it rests for so many times as long as that took.
const restFor = 9

// mostChanges is how many new findings of a rule a change holds.
const mostChanges = 10_000

// Watch looks at a directory again and again and calls changed after the first look, with all that was found, and after each
// that found something else. It returns the error of ctx, of changed, or of a directory that cannot be opened any more.
//
// It polls. inotify(7) would need a watch for each directory, of which a user has few; and it is not told of what others
// change on a network file system, of mounts, or of who may write above.
func Watch(ctx context.Context, path string, c Config, every time.Duration, changed func(Change) error) error {
	accepted := c.Report.Baseline
	var before *finding.Baseline
	for {
		began := time.Now()
		c.Report = finding.Options{PerRule: mostChanges, Record: true, Baseline: accepted}
		if before != nil {
			c.Report.Baseline = before
		}
		r, err := Run(ctx, path, c)
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		now, err := r.NewBaseline()
		if err != nil {
			return err
		}
		change := Change{Time: r.Ended, Summary: r.Summary(), New: r.Findings, Gone: before.Without(now)}
		if before == nil || len(change.New)+len(change.Gone) > 0 {
			if err := changed(change); err != nil {
				return err
			}
		}
		before = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(every, restFor*time.Since(began))):
		}
	}
}
