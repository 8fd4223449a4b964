# `make help` lists the targets. Everything here also works by hand: see CONTRIBUTING.md.

export DUCKDB_LIB_DIR ?= $(HOME)/.cache/tform/duckdb
CARGO ?= cargo
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
TFORM = $(TARGET_DIR)/release/tform
# What is tested signs in by AWS too, as released binaries do; all tests share one build.
TESTED = --features aws

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench instructions docs-site docs-test test-artifacts test-airflow compatibility release clean duckdb packages

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: duckdb ## build tform and, with it, the example project of this folder; how fresh it is
	$(CARGO) build --release
	@if [ -f packages.yml ] && [ ! -d dbt_packages ]; then $(TFORM) deps; fi
	$(TFORM) build
	$(TFORM) freshness --resource-type model

test: duckdb packages ## run every test: units, tidy, end to end (UPDATE=1 rewrites expected output)
	$(CARGO) test $(TESTED) --no-fail-fast --lib --bins --tests; code=$$?; \
	$(MAKE) --no-print-directory --keep-going docs-test test-artifacts instructions && exit $$code

docs-test: duckdb packages ## test the documentation site: its parts by node, its pages in a headless chromium
	@tests/browser/install.sh
	cd docs_site && npx --no-install tsc --noEmit && node build.mjs --check && node test.mjs
	$(CARGO) build $(TESTED)
	cd tests/browser && node run.mjs $(abspath $(TARGET_DIR))/debug/tform

test-artifacts: duckdb packages ## compare what tform writes with what dbt (from PyPI) writes, and let dbt's readers read it
	@tests/browser/install.sh
	$(CARGO) build $(TESTED)
	python3 tests/artifacts/run.py $(TARGET_DIR)/debug/tform
	python3 tests/compatibility/generate.py --check

test-airflow: duckdb ## run the example as an Airflow DAG of astronomer-cosmos (both from PyPI)
	$(CARGO) build $(TESTED)
	python3 tests/airflow/run.py $(TARGET_DIR)/debug/tform

compatibility: ## write COMPATIBILITY.md from the measured results in tests/compatibility
	python3 tests/compatibility/generate.py

docs-site: ## build the documentation site's program (docs_site/dist) from its source
	@tests/browser/install.sh
	cd docs_site && npx --no-install tsc --noEmit && node build.mjs

lint: duckdb ## formatting and lints, as CI wants them
	$(CARGO) fmt --check
	$(CARGO) clippy $(TESTED) --all-targets -- -D warnings

bench: duckdb packages ## measure speed and memory beside dbt (BENCH="--full", "--quick", "--only projects")
	$(CARGO) build --release
	python3 tests/bench/bench.py --tform $(TFORM) $(BENCH)

instructions: duckdb packages ## count the instructions of parse and compile, refuse many more than are written down
	$(CARGO) build $(TESTED)
	python3 tests/bench/instructions.py --tform $(TARGET_DIR)/debug/tform

release: ## one binary with DuckDB compiled in (half an hour on two cores) and AWS's sign-in (Rust 1.94)
	$(CARGO) build --release --features bundled,aws

clean: ## remove what the example and the logs left; cargo's own output stays
	rm -rf target/tform logs

duckdb:
	@tests/tools/fetch_duckdb.sh

packages:
	@tests/tools/packages.sh
