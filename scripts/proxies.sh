#!/usr/bin/env bash
# Tries scripts/nginx.conf and scripts/Caddyfile with Debian's nginx and caddy,
# which are installed here; where they cannot be, the tests are left out and say
# why (with PROXIES=must they fail instead). NGINX and CADDY name other binaries.
# --install leaves the trying to `make test`, which does all but what takes a
# minute of silence.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin

leave_out() {
	echo "proxy tests: left out, $1" >&2
	[ "${PROXIES:-}" = must ] && exit 1
	exit 0
}

wanted=()
[ -n "${NGINX:-}" ] || command -v nginx >/dev/null || wanted+=(nginx-light)
[ -n "${CADDY:-}" ] || command -v caddy >/dev/null || wanted+=(caddy)
why=$(scripts/packages.sh "${wanted[@]}") || leave_out "$why"
[ "${1:-}" = --install ] || PATIENT=1 go test -count=1 -run Proxy ./cmd/porthouse
