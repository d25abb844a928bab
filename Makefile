# Vigie: the two commands are `make run` and `make test`; the work is done by `cargo xtask`.

.DEFAULT_GOAL := help
.PHONY: help run test test-n8n test-shippers fmt dev bench

# The first build of xtask is silent and takes half a minute: say so.
XTASK := $(if $(wildcard $(or $(CARGO_TARGET_DIR),target)/debug/xtask),,@echo "Building the project's own chores (xtask), once ...")

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  cargo xtask --help: the other chores, and each part of the tests alone"

run: ## start the demo, or watch your own Redis: make run REDIS_URL=redis://127.0.0.1:6379
	$(XTASK)
	@cargo xtask run

test: ## every check and test there is; ends with "N passed, N failed"
	$(XTASK)
	@cargo xtask test

test-n8n: ## Vigie beside a real n8n, which is installed first: 2 GB, some minutes
	$(XTASK)
	@cargo xtask n8n

test-shippers: ## Vigie's doors with shippers of logs and logcli, built first: 7 GB, some minutes
	$(XTASK)
	@cargo xtask shippers

fmt: ## format Rust and Go
	$(XTASK)
	@cargo xtask fmt

dev: ## hot reload of the web against a running vigie
	$(XTASK)
	@cargo xtask dev

bench: ## compare with peers on this machine; writes bench/RESULTS.md
	$(XTASK)
	@cargo xtask bench
