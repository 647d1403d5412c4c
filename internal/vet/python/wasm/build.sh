#!/bin/sh
# Compiles the Python grammar and tree-sitter's core into one WebAssembly file.
# The sources are those of two npm packages, at the versions below, fetched
# without running any of their scripts; nothing of them but the result is kept.
#
#	build.sh            writes py.wasm.gz beside this file
#	build.sh --check    builds elsewhere and compares
#
# It needs clang 14, lld, wasi-libc and libclang-rt-14-dev-wasm32 (Debian 12's) and npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
npm install --ignore-scripts --no-audit --no-fund --silent tree-sitter-python@0.25.0 tree-sitter@0.25.1
core=node_modules/tree-sitter/vendor/tree-sitter/lib
grammar=node_modules/tree-sitter-python/src
cp "$here/shim.c" .
clang-14 --target=wasm32-wasi --sysroot=/usr -isystem /usr/include/wasm32-wasi -L/usr/lib/wasm32-wasi \
	-Os -DNDEBUG -mexec-model=reactor -I$core/include -I$core/src -I$grammar \
	shim.c $core/src/lib.c $grammar/parser.c $grammar/scanner.c -o py.wasm -Wl,--strip-all
gzip -9n py.wasm
if [ "${1-}" = --check ]; then
	cmp py.wasm.gz "$here/py.wasm.gz" && echo "py.wasm.gz is what its sources give"
	exit
fi
cp py.wasm.gz "$here/py.wasm.gz"
sha256sum py.wasm.gz
