#!/bin/sh
# Runs every fuzz target for FUZZTIME, one after the other.
set -eu
cd "$(dirname "$0")/.."
. tools/step.sh

count=0
for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -rn1 dirname | sort -u); do
	for target in $(go test -list '^Fuzz' "$dir" | grep '^Fuzz'); do
		step "$dir $target" go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" "$dir"
		count=$((count + 1))
	done
done
echo "$count fuzz targets, each for ${FUZZTIME:-20s}"
