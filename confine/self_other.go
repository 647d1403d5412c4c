//go:build !linux || !(amd64 || arm64)

package confine

// Self enforces nothing here: it runs then and says what is missing.
func Self(_ Policy, then func() error) (*Enforced, error) {
	return &Enforced{Missing: []string{"this system has nothing that a process could be confined with: that needs Linux"}}, then()
}
