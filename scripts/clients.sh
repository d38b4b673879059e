#!/usr/bin/env bash
# Tries the clients: their vectors, their types, against real houses, and the
# one of JavaScript behind a bundler and in chromium. What that needs is
# installed here; where it cannot be, the tests are left out and say why (with
# CLIENTS=must they fail).
set -euo pipefail
cd "$(dirname "$0")/.."

leave_out() {
	echo "client tests: left out, $1" >&2
	[ "${CLIENTS:-}" = must ] && exit 1
	exit 0
}

wanted=()
command -v node >/dev/null || wanted+=(nodejs)
command -v npm >/dev/null || wanted+=(npm)
python_has() { /usr/bin/python3 -c "import $1" 2>/dev/null; }
python_has websockets || wanted+=(python3-websockets)
python_has msgpack || wanted+=(python3-msgpack)
python_has mypy || wanted+=(mypy)
why=$(scripts/packages.sh "${wanted[@]}") || leave_out "$why"

(cd schema/client/python && /usr/bin/python3 -m mypy --cache-dir=/dev/null)
go test -count=1 -run TestClientPython ./cmd/porthouse

major=$(node -p 'parseInt(process.versions.node)')
[ "$major" -ge 20 ] || leave_out "node is $(node --version), and the client needs 20"
(cd schema/client/js && npm install --silent --no-save --no-package-lock --no-audit --no-fund --ignore-scripts) >&2 || leave_out "npm install fails in schema/client/js"

(cd schema/client/js && npx tsc --noEmit --strict --target es2022 --module nodenext --lib es2022,dom test/types.ts)
go test -count=1 -run TestClientJS ./cmd/porthouse

# scripts/browser.sh has brought chromium and playwright-core.
playwright=$(ls -d "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}"/porthouse-browser/*/node_modules/playwright-core 2>/dev/null | head -1)
if [ -z "$playwright" ] || ! command -v chromium >/dev/null; then
	leave_out "there is no chromium for the last of them: run scripts/browser.sh first"
fi
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$bin/porthouse" ./cmd/porthouse
cd schema/client/js
PORTHOUSE="$bin/porthouse" PLAYWRIGHT="$playwright" CHROMIUM="$(command -v chromium)" node --test test/browser.test.mjs
