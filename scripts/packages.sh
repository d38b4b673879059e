#!/usr/bin/env bash
# Installs Debian packages, as root or by sudo where that asks nothing:
#
#	scripts/packages.sh PACKAGE...
#
# Exits with 1 where it cannot, and says why on its standard output. No package
# starts a service of its own.
set -euo pipefail
why() { echo "$1"; exit 1; }

[ $# -gt 0 ] || exit 0
command -v apt-get >/dev/null || why "there is no $* and no apt-get"
sudo=
[ "$(id -u)" = 0 ] || { sudo="sudo -n"; $sudo true 2>/dev/null || why "there is no $*, and only root may install it"; }
{ $sudo apt-get update -qq && $sudo env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >&2 ||
	why "apt-get cannot install $*"
