#!/bin/sh
# Builds what ships into dist/build: static binaries, checksums, a bill of
# materials. VERSION names the release; otherwise git describe does.
# "release.sh check" instead builds one binary twice, from two directories, and
# compares: anybody can build what we publish and get the same bytes.
set -eu
cd "$(dirname "$0")/.."

version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo devel)}

# binary SYSTEM/ARCHITECTURE FILE
binary() {
	GOOS=${1%/*} GOARCH=${1#*/} CGO_ENABLED=0 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$version" -o "$2" ./cmd/rootbound
}

check() {
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT INT TERM
	mkdir "$dir/copy"
	git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$dir/copy"
	binary linux/amd64 "$dir/one"
	(cd "$dir/copy" && binary linux/amd64 "$dir/two")
	cmp "$dir/one" "$dir/two"
	echo "both builds are $(sha256sum <"$dir/one" | cut -c1-64)"
}

if [ "${1-}" = check ]; then
	check
	exit
fi

out=dist/build
rm -rf "$out"
mkdir -p "$out"
for target in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do
	file=rootbound_${version}_${target%/*}_${target#*/}
	case $target in windows/*) file=$file.exe ;; esac
	binary "$target" "$out/$file"
	go run ./tools/sbom -version "$version" "$out/$file" >"$out/$file.cdx.json"
done
(cd "$out" && sha256sum rootbound_* >SHA256SUMS)
ls -l "$out"
