#!/usr/bin/env bash
# Tries the page and the console in a real chromium. What that needs beside Go
# is installed here, outside of the repository; where it cannot be, the tests
# are left out and say why (with BROWSER=must they fail instead).
# scripts/browser.sh --pictures makes the pictures of docs/images anew;
# --first-run does what docs/first-run.md says, and writes what came of it there.
set -euo pipefail
cd "$(dirname "$0")/.."

playwright=1.56.1
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/porthouse-browser/$playwright

leave_out() {
	echo "browser tests: left out, $1" >&2
	[ "${BROWSER:-}" = must ] && exit 1
	exit 0
}

# Debian's own chromium, node and npm.
wanted=()
command -v chromium >/dev/null || wanted+=(chromium)
command -v node >/dev/null || wanted+=(nodejs)
command -v npm >/dev/null || wanted+=(npm)
why=$(scripts/packages.sh "${wanted[@]}") || leave_out "$why"
if [ ! -d "$cache/node_modules/playwright-core" ]; then
	mkdir -p "$cache"
	(cd "$cache" && npm install --silent --no-audit --no-fund --ignore-scripts --prefix . "playwright-core@$playwright") >&2 ||
		leave_out "npm cannot install playwright-core"
fi

export PLAYWRIGHT="$cache/node_modules/playwright-core" CHROMIUM="$(command -v chromium)"
if [ "${1:-}" = --first-run ]; then
	exec node scripts/browser/first-run.mjs
fi

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$bin/porthouse" ./cmd/porthouse
export PORTHOUSE="$bin/porthouse"
if [ "${1:-}" = --pictures ]; then
	exec node scripts/browser/pictures.mjs docs/images
fi
node --test --test-concurrency=1 ${BROWSER_TESTS:-scripts/browser/*.test.mjs}
