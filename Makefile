# Every target explains itself: `make help`.
PYTHON ?= python3
STORAGE ?= folder
PORT ?= 8080
UV := .venv/bin/uv
RUN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run test lint matrix gallery format clean bench-service

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

test: setup lint ## lint, then every test
	@$(RUN)/pytest

lint: setup ## ruff, mypy strict, import-linter
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports

bench-service: setup ## measure intake, dispatch and slots of the service
	@$(RUN)/python -m bench.service

matrix: setup ## every transformation on every kind of picture in every format
	@$(RUN)/pytest -m long tests/engine/matrix

gallery: setup ## draw every transformation and option, before and after, into docs/gallery
	@$(RUN)/python -m gallery

plans: setup ## write the plans of tests/engine/plans anew, to see what a change does to them
	@$(RUN)/python -m tests.engine.test_plans

format: setup ## let ruff rewrite what it can
	@$(RUN)/ruff check --fix .
	@$(RUN)/ruff format .

clean: ## remove the virtual environment, caches and the demo's data
	rm -rf .venv .darkroom .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
