#!/usr/bin/env bash
# Runs what others have written to judge a WebSocket server against a real
# house, and prints how many of their cases came to which verdict:
#
#	scripts/conformance.sh [FOLDER]    what is downloaded and reported goes there
#
# The Autobahn test suite where there is a wstest (Python 2's, PyPy's or a
# container's: WSTEST="docker run --rm --network host -v $PWD:$PWD crossbario/autobahn-testsuite wstest");
# clients of other hands where there is npm, or Python 3 with websockets. What is
# not there is said to be left out. Our own cases are Go tests and run in CI:
# go test ./cmd/porthouse -run 'TestStrict|TestAbuse'.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/scripts/conformance
work=${1:-$(mktemp -d)}
mkdir -p "$work"
work=$(cd "$work" && pwd)
rm -rf "$work/data" # each run has a house of its own

CGO_ENABLED=0 go build -o "$work/porthouse" ./cmd/porthouse
house=("$work/porthouse" --data "$work/data")
"$work/porthouse" up --data "$work/data" --listen 127.0.0.1:0 --admin off --puddles 1 --open \
	--message-bytes 8MiB --outbox 32MiB --log-bytes 256MiB --fragments 1048576 2>"$work/house.log" &
pid=$!
trap 'kill -TERM $pid 2>/dev/null; wait $pid 2>/dev/null || true' EXIT
for _ in $(seq 100); do
	"${house[@]}" status --json >"$work/status.json" 2>/dev/null && grep -q '"up"' "$work/status.json" && break
	sleep 0.1
done
address=$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/status.json" | head -1)
[ -n "$address" ] || { echo "the house does not come up: $work/house.log" >&2; exit 1; }
"${house[@]}" room add echo --rules '{"to":"self","size":8388608}'
url=ws://$address/echo
failed=0

if [ -n "${WSTEST:-}" ] || command -v wstest >/dev/null; then
	echo "== Autobahn, against $url (9.1.6 and 9.2.6 say 16 MiB; a message has 8 MiB at most)"
	cat >"$work/fuzzingclient.json" <<JSON
{"outdir": "$work/autobahn", "servers": [{"agent": "Porthouse", "url": "$url"}],
 "cases": ["*"], "exclude-cases": ["9.1.6", "9.2.6"], "exclude-agent-cases": {}}
JSON
	# shellcheck disable=SC2086
	(cd "$work" && ${WSTEST:-wstest} -m fuzzingclient -s "$work/fuzzingclient.json") >"$work/autobahn.log" 2>&1 || failed=1
	grep -oE '"behavior": "[^"]+"' "$work/autobahn/index.json" | sort | uniq -c
	echo "closing:"
	grep -oE '"behaviorClose": "[^"]+"' "$work/autobahn/index.json" | sort | uniq -c
	grep -qE '"behavior(Close)?": "(FAILED|WRONG CODE|UNCLEAN|FAILED BY CLIENT)"' "$work/autobahn/index.json" && failed=1
else
	echo "== Autobahn: left out, there is no wstest"
fi

if command -v npm >/dev/null; then
	echo "== ws, websocket and faye-websocket (npm)"
	cp "$here/package.json" "$here/clients.mjs" "$work"
	(cd "$work" && npm install --silent --no-audit --no-fund >npm.log 2>&1 && node clients.mjs "$url") || failed=1
else
	echo "== ws, websocket, faye-websocket: left out, there is no npm"
fi

python=${PYTHON:-/usr/bin/python3}
if "$python" -c 'import websockets, wsproto' 2>/dev/null; then
	echo "== websockets and wsproto (Python)"
	"$python" "$here/clients.py" "$url" || failed=1
else
	echo "== websockets, wsproto: left out, $python has them not (apt-get install python3-websockets python3-wsproto)"
fi
exit $failed
