package main

import "github.com/rootbound/rootbound/server"

// fitConnections lowers the connection limit where the process may not have as many descriptors: connections must not
// take those that files are opened with, or all who are in would wait for who does nothing.
func (p *process) fitConnections(cfg *server.Config) {
	if limit := descriptorLimit(); limit > 0 && cfg.MaxConns > limit-forFiles(limit) {
		cfg.MaxConns = max(1, limit-forFiles(limit))
		p.log.Warn("fewer connections than asked for: the process may not have so many descriptors (ulimit -n, LimitNOFILE=)",
			"descriptors", limit, "connections", cfg.MaxConns)
	}
}

// forFiles is how many descriptors are kept for files, and for the process itself.
func forFiles(limit int) int { return min(max(limit/4, 32), 512) }
