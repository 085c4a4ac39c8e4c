# Every target explains itself: `make help`.
PYTHON ?= python3
STORAGE ?= folder
PORT ?= 8080
ROUNDS ?= 7
N ?= 10000
AT_ONCE ?= 2
RESULTS ?= bench/results
UV := .venv/bin/uv
RUN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run test lint fuzz matrix memory gallery plans format clean bench bench-rivals bench-growth bench-guard bench-service

help: ## show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/.ready ## install everything into .venv, and do no more

.venv/.ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Darkroom needs Python 3.11 or newer; this is %d.%d. Try: make setup PYTHON=python3.12" % sys.version_info[:2])'
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(RUN)/pip install --quiet --disable-pip-version-check uv; }
	@UV_PYTHON=$(RUN)/python $(UV) sync --frozen --quiet
	@touch $@

run: setup ## start everything, send one real batch, show the pictures (STORAGE=s3, PORT=0)
	@exec $(RUN)/darkroom dev --storage $(STORAGE) --port $(PORT)

test: setup lint bench-guard ## lint, the guard, then every test (AT_ONCE=2 processes)
	@$(RUN)/pytest -n $(AT_ONCE) --dist loadfile

lint: setup ## ruff, mypy strict, import-linter, deptry
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/deptry engine service

bench: setup ## measure the engine beside its rivals (ROUNDS=7, ONLY=W1,W5, CONTENDERS=sharp,…)
	@$(RUN)/python -m bench.run --rounds $(ROUNDS) --only "$(ONLY)" --contenders "$(CONTENDERS)" --results $(RESULTS)

bench-rivals: setup ## install the rivals that registries have
	@bench/rivals/install.sh

bench-growth: setup ## measure how cost grows with jobs, pixels and length of chains
	@$(RUN)/python -m bench.growth

bench-guard: setup ## hold decodes, pixels, operations and memory to what was reached
	@$(RUN)/python -m bench.guard

bench-service: setup ## measure intake, dispatch and slots of the service
	@$(RUN)/python -m bench.service

fuzz: setup ## send spoiled files of every format through real children (N=10000)
	@$(RUN)/python -m tests.fuzz --count $(N)

matrix: setup ## every transformation on every kind of picture in every format
	@$(RUN)/pytest -m long tests/engine/matrix

memory: setup ## predicted memory against measured: every type, format and source, and batches
	@$(RUN)/pytest -s -m long tests/engine/memory

gallery: setup ## draw every transformation and option, before and after, into docs/gallery
	@$(RUN)/python -m gallery

plans: setup ## write the plans of tests/engine/explain/plans and the README's drawing anew
	@$(RUN)/python -m tests.engine.explain.test_plans

format: setup ## let ruff rewrite what it can
	@$(RUN)/ruff check --fix .
	@$(RUN)/ruff format .

clean: ## remove the virtual environment, caches and the demo's data
	rm -rf .venv .darkroom .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
