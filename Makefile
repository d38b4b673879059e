# Each target is one line, or a script.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

.PHONY: help run build test race fuzz bench browser check fmt lint clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## a house to try, on ws://127.0.0.1:8080/chat
	bin/porthouse up --open

build: ## bin/porthouse
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/porthouse ./cmd/porthouse

test: ## vet, and all tests
	go vet ./... && go test -timeout 15m ./...

race: ## all tests under the race detector (needs a C compiler)
	scripts/race.sh

fuzz: ## each fuzz target for FUZZTIME (10s)
	scripts/fuzz.sh

bench: ## load and measure Porthouse beside a plain gorilla server, as ratios
	cd scripts/bench && go run ./run $(BENCH)

browser: ## the page and the console in chromium
	scripts/browser.sh

check: ## what CI does
	.ci/run

fmt: ## format the code
	gofmt -w .

lint: ## what is not formatted, or looks wrong
	scripts/lint.sh

clean: ## remove what was built
	rm -rf bin dist
