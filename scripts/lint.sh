#!/usr/bin/env bash
# Fails where code is not formatted or go vet finds something, in every module.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "not formatted (make fmt):" >&2
	echo "$unformatted" >&2
	exit 1
fi
go vet ./...
(cd scripts/bench && go vet ./...)
