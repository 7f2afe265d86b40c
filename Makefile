# Two commands do everything: `make demo` shows what Handbill does, `make test` proves it.
SHELL := /bin/sh
BIN := .venv/bin
LOCK := requirements.lock

.PHONY: demo test check audit format install lock soak calibrate bench clean

demo: install  ## a shop of 20,000 contacts, three campaigns sent and printed for real, and their report
	$(BIN)/handbill demo

test: install  ## everything, on SQLite and PostgreSQL
	sh scripts/install_test_peers.sh
	$(BIN)/pytest -n auto --dist loadfile

check: install  ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_layers.py

audit: install  ## known weaknesses, in our code and in what we depend on
	$(BIN)/python scripts/audit.py

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: install  ## the long version of the proofs that `make test` runs briefly
	HANDBILL_SOAK=1 $(BIN)/pytest -n auto --dist load tests/scenarios tests/web/test_openapi.py
	$(BIN)/python benchmarks/kill.py

calibrate: install  ## how often each statistic keeps what it promises, over thousands of simulated experiments
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.calibrate

bench: install  ## the figures of the README's table
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python -m benchmarks.imports
	$(BIN)/python -m benchmarks.segments
	$(BIN)/python -m benchmarks.plan
	$(BIN)/python -m benchmarks.dry_render
	$(BIN)/python -m benchmarks.seal
	$(BIN)/python -m benchmarks.evaluate
	$(BIN)/python benchmarks/send.py
	$(BIN)/python -m benchmarks.web

install: .venv/installed

# The environment, as locked, and the system libraries that printing needs.
.venv/installed: pyproject.toml $(LOCK) scripts/install.sh
	sh scripts/install.sh
	touch $@

lock: install  ## solve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --upgrade -o $(LOCK)

clean:
	rm -rf .venv handbill-demo
