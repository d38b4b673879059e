#!/usr/bin/env bash
# Runs the tests under the race detector, in their short form. Those of houses
# mostly wait, so they are dealt out to several processes at once.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=1
shards=${SHARDS:-4}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -race -c -o "$work/houses.test" ./cmd/porthouse
(cd cmd/porthouse && "$work/houses.test" -test.list .) | grep '^Test' >"$work/names"
running=()
for shard in $(seq 0 $((shards - 1))); do
	names=$(awk -v shard="$shard" -v shards="$shards" 'NR % shards == shard' "$work/names" | paste -sd'|')
	(cd cmd/porthouse && "$work/houses.test" -test.short -test.timeout 15m -test.run "^($names)\$") >"$work/$shard.log" 2>&1 &
	running+=($!)
done
failed=0
go test -race -short -timeout 15m ./ipc/... ./puddle/... ./schema/... ./supervisor/... || failed=1
for shard in "${!running[@]}"; do
	if wait "${running[shard]}"; then
		echo "ok  	./cmd/porthouse, $((shard + 1)) of $shards"
	else
		failed=1
		cat "$work/$shard.log"
	fi
done
exit $failed
