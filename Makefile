# The commands of this repository; `make help` lists them. All development builds share one profile and flags,
# so that no target recompiles what another has built.

.DEFAULT_GOAL := help
.PHONY: help test lint assets demo bench prove fuzz setup

WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' 2>/dev/null)

# The shell counts in a variable of this name: only what was said to make is meant.
SECONDS_EACH := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

test: ## install what is missing, check style, run every test
	scripts/test.sh

lint: assets ## formatting and clippy, warnings are errors
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets -- -D warnings

assets: $(if $(wildcard web/package-lock.json),web/dist/.stamp) ## build the pages' scripts and styles when their sources changed
	@:

web/dist/.stamp: $(WEB_SOURCES)
	cd web && npm ci --no-audit --no-fund && npm run build
	touch $@

setup: ## install what is missing
	scripts/setup.sh full

demo: setup assets ## run the demonstration; ONCE=1 ends after one round
	cargo run --release -p countersign-demo -- $(if $(ONCE),--once)

bench: setup assets ## run the benchmarks
	cargo run --release -p countersign-bench

prove: ## explore small worlds of the engine, compare it with the reference, list which invariant finds which mistake
	cargo run --release -p countersign-prove
	cargo nextest run -p countersign-core planted_ --no-capture

fuzz: ## look for exceptions to what holds for every input; SECONDS=60 for each target, TARGETS="sftp shell" for some
	scripts/fuzz.sh $(SECONDS_EACH) $(TARGETS)
