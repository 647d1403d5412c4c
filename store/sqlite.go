package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// maxReaders is how many read a SQLite file at once.
const maxReaders = 4

// sideFiles are those that SQLite puts beside a file, whose permissions they get.
var sideFiles = []string{"-wal", "-shm", "-journal"}

func openSQLite(ctx context.Context, cfg Config) (*Store, error) {
	path, err := filepath.Abs(cfg.DSN)
	if err != nil {
		return nil, err
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	name := path
	if filepath.Separator != '/' {
		name = "/" + filepath.ToSlash(path)
	}
	busy := "busy_timeout(" + strconv.FormatInt(cfg.Timeout.Milliseconds(), 10) + ")"
	dsn := (&url.URL{Scheme: "file", Path: name, RawQuery: url.Values{
		// Write-ahead: readers and the writer do not wait for each other. Full: what was answered survives a crash.
		"_pragma": {busy, "journal_mode(WAL)", "synchronous(FULL)", "trusted_schema(0)", "temp_store(MEMORY)"},
		"_txlock": {"immediate"},
	}.Encode()}).String()
	s := &Store{dialect: dialect{name: "sqlite"}}
	if s.write, err = sql.Open("sqlite", dsn); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	s.read.SetMaxOpenConns(maxReaders)
	s.read.SetMaxIdleConns(maxReaders)
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	if err := connect(ctx, s.write); err != nil {
		_ = s.Close() // the first error is the one that tells
		return nil, refused("Name another file, or restore this one from a copy", "it cannot be opened: %v", err)
	}
	return s, nil
}

// connect makes a first connection. Where others do so at the same moment, only one can make a new file one with a
// write-ahead log, and SQLite does not let the others wait for it.
func connect(ctx context.Context, db *sql.DB) error {
	for {
		err := db.PingContext(ctx)
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// bare is an error of the system without the path, which whoever is told knows.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// prepareFile makes the file, and its directory, for us alone, and refuses one that others can get at. It closes no file
// that is there already: that would take SQLite's locks away from another Store of this process (fcntl(2)).
func prepareFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return refused("Name a file in a directory that this user may write to", "its directory cannot be made: %v", bare(err))
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := checkDir(dir, info); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		if err := errors.Join(handOver(f, info), f.Close()); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	case !errors.Is(err, fs.ErrExist):
		return refused("Name a file in a directory that this user may write to", "it cannot be made: %v", bare(err))
	}
	return checkFiles(path)
}

// checkFiles refuses what is there where that is not ours alone.
func checkFiles(path string) error {
	for _, side := range append([]string{""}, sideFiles...) {
		info, err := os.Lstat(path + side)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if !info.Mode().IsRegular() {
			return refused("Name the file itself, not a link to it or a directory", "%s is not a regular file", path+side)
		}
		if err := checkFile(path+side, info); err != nil {
			return err
		}
	}
	return nil
}

// Check says whether Open would refuse a SQLite file for what others can do with it, and makes nothing. Of a PostgreSQL it
// says nothing.
func (p Place) Check() error {
	if p.File == "" {
		return nil
	}
	dir := filepath.Dir(p.File)
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it would be made
	}
	if err != nil {
		return refused("Name a file in a directory that this user may write to", "its directory cannot be looked at: %v", bare(err))
	}
	if err := checkDir(dir, info); err != nil {
		return err
	}
	return checkFiles(p.File)
}
