package server

// Certificates is replaced by the TLS engineer.
type Certificates struct{}
