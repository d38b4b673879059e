#!/usr/bin/env bash
# Installs what tests talk to beside the house itself: an FTP server. Where it
# cannot be installed, the tests that need it are skipped and say so.
set -euo pipefail

wanted=()
[ -x /usr/sbin/vsftpd ] || command -v vsftpd >/dev/null || wanted+=(vsftpd)
[ ${#wanted[@]} -gt 0 ] || exit 0

leave_out() {
	echo "test packages: left out (${wanted[*]}), $1" >&2
	exit 0
}
command -v apt-get >/dev/null || leave_out "there is no apt-get"
sudo=
[ "$(id -u)" = 0 ] || { sudo="sudo -n"; $sudo true 2>/dev/null || leave_out "only root may install them"; }
{ $sudo apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >&2 ||
	leave_out "apt-get cannot install them"
