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

# each TARGET... -- COMMAND... runs a command for every system and architecture.
each() {
	targets=
	while [ "$1" != -- ]; do
		targets="$targets $1"
		shift
	done
	shift
	for target in $targets; do
		GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0 "$@" || return 1
	done
}

step "gofumpt" formatted
step "go vet for linux, darwin, windows" each linux/amd64 darwin/arm64 windows/amd64 -- go vet ./...
step "staticcheck" go tool staticcheck ./...
step "builds without cgo for linux/amd64, linux/arm64, darwin/arm64, windows/amd64" \
	each linux/amd64 linux/arm64 darwin/arm64 windows/amd64 -- go build ./...
