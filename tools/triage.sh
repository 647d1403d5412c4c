#!/bin/sh
# Reviews the sources that docs/vet-triage.md is about, prints what its table lists (package, severity, rule, place), and
# fails where that is not what the table has.
# It needs Debian 12 (apt-get, dpkg-deb), Go, the package registries of both, and a rootbound: ROOTBOUND_BINARY, or one that it builds.
set -eu
cd "$(dirname "$0")/.."

debian='python3-flask=2.2.2-3 python3-werkzeug=2.2.2-3+deb12u1 python3-django=3:3.2.25-0+deb12u7 python3-starlette=0.26.1-1+deb12u2
python3-fastapi=0.92.0-1 python3-aiohttp=3.8.4-1+deb12u2 python3-tornado=6.2.0-3+deb12u4 python3-bottle=0.12.23-1.1 python3-cherrypy3=18.8.0-2
python3-webob=1:1.8.6-3 python3-pyramid=2.0+dfsg-2+deb12u1 python3-djangorestframework=3.14.0-2+deb12u1 python3-flask-autoindex=0.6.6-3
python3-django-hyperkitty=1.3.7-1 python3-django-horizon=3:23.0.0-5+deb12u2 graphite-web=1.1.8-2 python3-jupyter-server=1.23.3-1 buildbot=3.7.0-2
onionshare=2.6-5~deb12u1 lektor=3.3.7-1 python3-radicale=3.1.8-2 python3-sphinx=5.3.0-4 mercurial-common=6.3.2-1+deb12u1'
modules='github.com/caddyserver/caddy/v2@v2.11.9 github.com/tus/tusd/v2@v2.9.1 github.com/labstack/echo/v4@v4.16.0 github.com/gin-gonic/gin@v1.12.0
github.com/gofiber/fiber/v2@v2.52.15 github.com/go-chi/chi/v5@v5.5.0 github.com/gorilla/mux@v1.8.1 golang.org/x/tools@v0.52.0
github.com/rclone/rclone@v1.76.0 github.com/prometheus/prometheus@v0.316.0 code.gitea.io/gitea@v1.27.3'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
program=${ROOTBOUND_BINARY-}
if [ -z "$program" ]; then
	program=$work/rootbound
	CGO_ENABLED=0 go build -trimpath -o "$program" ./cmd/rootbound
fi

# review NAME DIR prints the findings in DIR, and counts its lines.
review() {
	(cd "$2" && { "$program" vet . || [ $? = 1 ]; }) >"$work/report"
	awk -v name="$1" '
		/^(high|medium|low|info) [a-z-]+: / { level = $1; rule = $2; sub(/:$/, "", rule) }
		/^    [^ ]+:[0-9]+  / { place = $1; sub(/^usr\/lib\/python3\/dist-packages\//, "", place); print name, level, rule, place }
		' "$work/report" | tee -a "$work/found"
	sed -n 's/.*looked at //p' "$work/report" | tr ',;' '\n\n' | sed -n 's/^ *\([0-9]*\) lines of .*/\1/p' >>"$work/lines"
}

# download PACKAGE=VERSION, or what came in its place.
download() {
	apt-get -qq -o APT::Sandbox::User=root download "$1" && return
	echo "$1 is no longer there: the version of today is taken" >&2
	apt-get -qq -o APT::Sandbox::User=root download "${1%%=*}"
}

for package in $debian; do
	name=${package%%=*}
	mkdir -p "$work/debs/$name" "$work/debian/$name"
	(cd "$work/debs/$name" && download "$package")
	dpkg-deb -x "$work/debs/$name"/*.deb "$work/debian/$name"
	review "$name" "$work/debian/$name"
done
for module in $modules; do
	dir=$(cd "$work" && go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
	review "${module%@*}" "$dir"
done
awk '{ lines += $1 } END { print lines " lines" }' "$work/lines" | tee -a "$work/found"

{
	awk -F ' *[|] *' '$3 ~ /^(high|medium|low|info)$/ { gsub(/`/, "", $5); print $2, $3, $4, $5 }' docs/vet-triage.md
	sed -n 's/.*kin, and some well-known Go modules, \([0-9,]*\) lines.*/\1 lines/p' docs/vet-triage.md | tr -d ,
} >"$work/documented"
diff -u "$work/documented" "$work/found"
