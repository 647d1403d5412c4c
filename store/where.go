package store

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// Place says where a state is, as it may be shown to anybody, and what it takes to reach it.
type Place struct {
	// Text is the path of the file, or where the database is, without user and password.
	Text string
	// File is the path of the SQLite file, Sockets are those of Unix and Ports those of TCP that lead to a PostgreSQL.
	File    string
	Sockets []string
	Ports   []uint16
	// Names says that a host is called by name, which must be looked up for each connection.
	Names bool
	// Password says that the URL itself holds one.
	Password bool
}

// PlaceOf reads a DSN. The error is that of Open.
func PlaceOf(dsn string) (Place, error) {
	if !IsPostgres(dsn) {
		abs, err := filepath.Abs(dsn)
		return Place{Text: dsn, File: abs}, err
	}
	pc, err := parsePostgres(dsn)
	if err != nil {
		return Place{}, err
	}
	out := Place{Text: "postgres://" + net.JoinHostPort(pc.Host, strconv.Itoa(int(pc.Port))) + "/" + pc.Database, Password: hasPassword(dsn)}
	add := func(host string, port uint16) {
		if network, address := pgconn.NetworkAddress(host, port); network == "unix" {
			out.Sockets = append(out.Sockets, address)
			return
		}
		out.Ports = append(out.Ports, port)
		if _, err := netip.ParseAddr(host); err != nil {
			out.Names = true
		}
	}
	add(pc.Host, pc.Port)
	for _, f := range pc.Fallbacks {
		add(f.Host, f.Port)
	}
	return out, nil
}
