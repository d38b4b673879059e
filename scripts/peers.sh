#!/usr/bin/env bash
# Installs the servers that the bench holds Porthouse against (docs/bench.md):
# nginx with Nchan and nats-server, from Debian. Centrifuge is a Go library, and
# built with the bench. What cannot be installed the bench leaves out and says so.
set -euo pipefail
PATH=$PATH:/usr/sbin

wanted=()
command -v nats-server >/dev/null || wanted+=(nats-server)
command -v nginx >/dev/null || wanted+=(nginx)
[ -e /usr/lib/nginx/modules/ngx_nchan_module.so ] || wanted+=(libnginx-mod-nchan)
[ ${#wanted[@]} -gt 0 ] || exit 0

leave_out() {
	echo "peers: left out (${wanted[*]}), $1" >&2
	exit 0
}
command -v apt-get >/dev/null || leave_out "there is no apt-get"
sudo=
[ "$(id -u)" = 0 ] || { sudo="sudo -n"; $sudo true 2>/dev/null || leave_out "only root may install them"; }
# RUNLEVEL=1: the packages do not start them as services.
{ $sudo apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >&2 ||
	leave_out "apt-get cannot install them"
