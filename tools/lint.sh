#!/bin/sh
# Formatting, vet on three systems, staticcheck, and builds for all that ships.
set -eu
cd "$(dirname "$0")/.."
. tools/step.sh

formatted() {
	files=$(go tool gofumpt -l .)
	if [ -n "$files" ]; then
		echo "gofumpt would change (run: go tool gofumpt -w .):"
		echo "$files"
		return 1
	fi
}

vet() {
	for system in linux darwin windows; do
		GOOS=$system CGO_ENABLED=0 go vet ./... || return 1
	done
}

cross() {
	for target in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do
		GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0 go build ./... || return 1
	done
}

step "gofumpt" formatted
step "go vet for linux, darwin, windows" vet
step "staticcheck" go tool staticcheck ./...
step "builds without cgo for linux/amd64, linux/arm64, darwin/arm64, windows/amd64" cross
