#!/bin/sh
# Installs the real programs that the tests run against, from the table that
# internal/testenv/peers.txt is. Where it cannot (not Debian, or not root) it
# prints what is missing and fails. It starts no service.
set -eu
cd "$(dirname "$0")/.."

# present PEER PACKAGE LEAST PLACES
present() {
	# Other builds of nodejs than Debian's hold npm, and Debian's package of it would take their place.
	if [ "$2" = npm ] && command -v npm >/dev/null; then return 0; fi
	if command -v dpkg-query >/dev/null; then
		version=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$2" 2>/dev/null) || return 1
		case $version in ii\ *) ;; *) return 1 ;; esac
		version=${version#ii }
		dpkg --compare-versions "${version#*:}" ge "$3"
		return
	fi
	for place in $(echo "$4" | tr , ' '); do
		if [ -e "$place" ]; then return 0; fi
	done
	command -v "$1" >/dev/null
}

missing=
while read -r peer package least places; do
	case $peer in '' | '#'*) continue ;; esac
	present "$peer" "$package" "$least" "$places" || case " $missing " in
	*" $package "*) ;;
	*) missing="$missing $package" ;;
	esac
done <internal/testenv/peers.txt
missing=${missing# }

if [ -z "$missing" ]; then
	echo "all peers of internal/testenv/peers.txt are installed"
	exit 0
fi

install="apt-get install -y --no-install-recommends $missing"
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
	echo "the tests need programs that are missing; install them with: $install" >&2
	if [ "${ROOTBOUND_PEERS-}" = skip ] && [ -z "${CI-}" ]; then
		echo "ROOTBOUND_PEERS=skip: tests that need them are skipped" >&2
		exit 0
	fi
	exit 1
fi

# Debian starts what it installs unless policy-rc.d says 101, "forbidden".
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT INT TERM
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
$install
# shellcheck disable=SC2086
dpkg-query -W $missing
