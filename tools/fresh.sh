#!/bin/sh
# Proves the README's two commands on a fresh machine: a minimal Debian tree,
# the Go toolchain, a clean clone of HEAD, and nothing else of this machine.
# "fresh.sh serve" tries the first command only. Needs root and mmdebstrap.
set -eu
cd "$(dirname "$0")/.."
. tools/step.sh

[ "$(id -u)" = 0 ] || {
	echo "make fresh makes a Debian tree and mounts into it: run it as root" >&2
	exit 1
}
command -v mmdebstrap >/dev/null || {
	echo "make fresh needs mmdebstrap: apt-get install -y --no-install-recommends mmdebstrap" >&2
	exit 1
}

tree=$(mktemp -d)
mounted=
clean() {
	for m in $mounted; do umount -l "$tree/$m"; done
	rm -rf --one-file-system "$tree"
}
trap clean EXIT INT TERM

mount_in() { # SOURCE TARGET OPTIONS
	mkdir -p "$tree/$2"
	mount $3 "$1" "$tree/$2"
	mounted="$2 $mounted"
}

debian() {
	sources=$(find /etc/apt/sources.list /etc/apt/sources.list.d -type f 2>/dev/null | grep -v -e '\.gpg$' | grep -E 'sources\.list$|debian' | head -1)
	mmdebstrap --quiet --variant=minbase --include=ca-certificates,git,make,iproute2 bookworm "$tree" "$sources"
	mount_in "$tree" . "--bind" # a root directory is a mount point: tests remount it as private
	mount_in /proc proc "--bind"
	mount_in /dev dev "--rbind"
	mount_in "$(go env GOROOT)" usr/local/go "--bind -o ro"
	cp /etc/resolv.conf /etc/hosts "$tree/etc/"
	[ ! -d /etc/ssl/certs ] || cp -rL /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
	git clone --quiet . "$tree/root/rootbound"
}

# inside COMMAND: as a newcomer's shell, with what the toolchain needs to reach its modules.
inside() {
	# Not a mere chroot, in which the kernel lets nobody make user namespaces.
	unshare --mount --propagation private /bin/sh -euc 'cd "$1"; shift; mkdir -p .old; pivot_root . .old; umount -l .old; exec "$@"' inside "$tree" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt NPM_CONFIG_REGISTRY="$(npm config get registry 2>/dev/null || true)" GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)" GOTOOLCHAIN=local GOFLAGS="$(go env GOFLAGS)" \
		http_proxy="${http_proxy-}" https_proxy="${https_proxy-}" CI="${CI-}" /bin/sh -euc "cd /root/rootbound && $1"
}

# The request is made with bash's own socket: curl is not there yet.
serve='mkdir -p /root/files && echo fresh-hello >/root/files/hello.txt
go build -o /tmp/warm ./cmd/rootbound
go run ./cmd/rootbound serve --listen 127.0.0.1:18080 /root/files >/tmp/out 2>&1 &
n=0; until grep -q "listening on" /tmp/out; do n=$((n+1)); [ $n -lt 300 ] || { cat /tmp/out; exit 1; }; sleep 0.2; done
bash -c "exec 3<>/dev/tcp/127.0.0.1/18080; printf \"GET /hello.txt HTTP/1.1\r\nHost: 127.0.0.1:18080\r\nConnection: close\r\n\r\n\" >&3; cat <&3" | grep fresh-hello
for p in /proc/[0-9]*; do # go run does not hand signals on
  case $(tr "\0" " " <$p/cmdline 2>/dev/null || true) in
  "/tmp/"*"serve --listen 127.0.0.1:18080"*|"/root/"*"serve --listen 127.0.0.1:18080"*) kill ${p#/proc/} ;;
  esac
done'

step "a minimal Debian with a clean clone" debian
step "go run ./cmd/rootbound serve DIR" inside "$serve"
[ "${1-}" = serve ] || step "make test" inside "make test"
