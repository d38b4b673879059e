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
why=$("$(dirname "$0")"/packages.sh "${wanted[@]}") || echo "peers: left out, $why" >&2
