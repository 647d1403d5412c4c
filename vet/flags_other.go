//go:build !unix

package vet

import "os"

const openFlags = os.O_RDONLY
