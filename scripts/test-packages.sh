#!/usr/bin/env bash
# Installs what tests talk to beside the house itself: an FTP server. Where it
# cannot be installed, the tests that need it are skipped and say so.
set -euo pipefail

wanted=()
[ -x /usr/sbin/vsftpd ] || command -v vsftpd >/dev/null || wanted+=(vsftpd)
why=$("$(dirname "$0")"/packages.sh "${wanted[@]}") || echo "test packages: left out, $why" >&2
