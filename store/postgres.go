package store

import (
	"context"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// maxConnections is how many one replica opens: a PostgreSQL allows a hundred, and each of our calls is short.
const maxConnections = 8

// migrationLock has replicas migrate one after the other. Its key is "rootbnd" in ASCII.
const migrationLock = `SELECT pg_advisory_xact_lock(32210671829675620)`

// parsePostgres reads a URL and what of the environment goes with it (PGPASSWORD, PGPASSFILE, PGSSLMODE...).
func parsePostgres(dsn string) (*pgx.ConnConfig, error) {
	pc, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The driver's error may hold parts of the URL, and so of the password.
		return nil, refused("Write it as postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full, what is special in a part escaped as %XX, and files that it names must be there", "the URL cannot be read")
	}
	return pc, checkTransport(dsn, pc)
}

// hasPassword says whether a URL holds one itself.
func hasPassword(dsn string) bool {
	u, err := url.Parse(dsn)
	if err != nil {
		return true
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}

func openPostgres(_ context.Context, cfg Config) (*Store, error) {
	pc, err := parsePostgres(cfg.DSN)
	if err != nil {
		return nil, err
	}
	if pc.ConnectTimeout == 0 || pc.ConnectTimeout > cfg.Timeout {
		pc.ConnectTimeout = cfg.Timeout
	}
	if pc.RuntimeParams["application_name"] == "" {
		pc.RuntimeParams["application_name"] = "rootbound"
	}
	db := stdlib.OpenDB(*pc)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // so that a name that means another machine now is noticed
	return &Store{write: db, read: db, dialect: dialect{name: "postgres", lock: migrationLock, forUpdate: " FOR UPDATE"}}, nil
}

// checkTransport refuses to send hashes and digests over a network in plain text because nobody thought of it: the
// driver's default tries TLS, checks no certificate, and goes on without.
func checkTransport(dsn string, pc *pgx.ConnConfig) error {
	u, err := url.Parse(dsn)
	if err != nil || u.Query().Has("sslmode") || os.Getenv("PGSSLMODE") != "" {
		return nil
	}
	hosts := []string{pc.Host}
	for _, f := range pc.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	for _, h := range hosts {
		if !local(h) {
			return refused("Add ?sslmode=verify-full (with &sslrootcert=FILE for an own authority), or sslmode=disable where the network is trusted", "it does not say how the connection to %s is protected", h)
		}
	}
	return nil
}

// local says whether a host is this machine: a Unix socket, or the loopback interface.
func local(host string) bool {
	if strings.HasPrefix(host, "/") || host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
