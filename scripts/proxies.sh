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
if [ ${#wanted[@]} -gt 0 ]; then
	command -v apt-get >/dev/null || leave_out "there is no ${wanted[*]} and no apt-get"
	sudo=
	[ "$(id -u)" = 0 ] || { sudo="sudo -n"; $sudo true 2>/dev/null || leave_out "there is no ${wanted[*]}, and only root may install it"; }
	# Where systemd runs, the packages start both as services too.
	{ $sudo apt-get update -qq &&
		DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >&2 ||
		leave_out "apt-get cannot install ${wanted[*]}"
fi
[ "${1:-}" = --install ] || PATIENT=1 go test -count=1 -run Proxy ./cmd/porthouse
