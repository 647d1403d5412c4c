package audit

import (
	"bytes"
	"errors"
)

// lookAtFile asks once in a while whether the file still is where it was: one that somebody moved away or removed would
// take records that nobody finds.
func (l *Log) lookAtFile() error {
	w, now := l.w, l.cfg.Now()
	if now.Sub(w.lookedAt) < lookDelay {
		return nil
	}
	w.lookedAt = now
	l.lookAtContainment()
	if w.file.isThere() {
		return nil
	}
	next, err := newSegment(w.file.path)
	if err != nil {
		return err
	}
	l.cfg.Log.Error("the audit log was moved away or removed, and is begun anew", "file", l.cfg.Path)
	unwritten := l.unchain()
	l.goOnIn(next)
	l.chainAgain(unwritten)
	return nil
}

// unchain takes back what was chained and not written.
func (l *Log) unchain() (lines []byte) {
	w := l.w
	lines = w.out
	if len(lines) > 0 {
		w.out = nil
		w.seq, w.last, w.signed = w.file.seq, w.file.last, ""
	}
	return lines
}

// chainAgain chains what unchain took back, but for checkpoints, which speak of another place in the chain.
func (l *Log) chainAgain(lines []byte) {
	for line := range bytes.Lines(lines) {
		rec, body, _, err := parseLine(line)
		if err != nil || rec.Kind == Checkpoint { // err: we wrote it ourselves
			continue
		}
		const timeField = `,"time":"`
		i := bytes.Index(body, []byte(timeField)) + len(timeField) + len("2006-01-02T15:04:05.000000Z\"")
		l.w.add(rec.Kind, rec.Time.UnixMicro(), func(b []byte) []byte { return append(b, body[i:]...) })
	}
}

// rotate gives the full file its number and goes on in a new one. Where it fails the full file is gone on with for a
// while.
func (l *Log) rotate() {
	next, err := l.w.file.next()
	if err != nil {
		l.w.rotateAt = l.cfg.Now().Add(againDelay)
		l.cfg.Log.Error("the audit log cannot begin a new file and goes on in the old one", "file", l.cfg.Path, "error", err)
		return
	}
	l.goOnIn(next)
	if err := l.save(true); err != nil {
		return // it is tried again, and said, with the next record
	}
	err = prune(l.cfg.Path, l.cfg.KeepFiles, l.cfg.KeepFor, l.cfg.Now(), func(kept uint64) error {
		l.add(Removed, func(b []byte) []byte { return appendNumber(b, countKey, int64(kept)) })
		return l.save(true) // said before it is done
	})
	if err != nil {
		l.cfg.Log.Warn("old audit files cannot be removed", "file", l.cfg.Path, "error", err)
	}
}

// goOnIn changes to a new file, which begins with where the chain stands.
func (l *Log) goOnIn(next *segment) {
	w, old := l.w, l.w.file.f
	next.seq, next.last = w.seq, w.last
	w.file = next
	w.closing.Go(func() { _ = errors.Join(dataSync(old), old.Close()) }) // where that matters it is on disk
	l.beginFile()
}
