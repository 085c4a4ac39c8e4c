# Every target explains itself: `make help`.
PYTHON ?= python3
STORAGE ?= folder
PORT ?= 8080
ROUNDS ?= 7
N ?= 10000
AT_ONCE ?= 3
RESULTS ?= bench/results
UV := .venv/bin/uv
RUN := .venv/bin

# Processes start three times as fast from compiled modules, which are kept whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test pytest lint fuzz generators image corpus chaos upgrade attack matrix properties memory times batches gallery plans metrics dashboards observe prometheus architecture format clean bench bench-rivals bench-growth bench-guard bench-service load load-hosts capacity scaling

help: ## show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/.ready ## install everything into .venv

.venv/.ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Darkroom needs Python 3.11 or newer; this is %d.%d. Try: make setup PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Installing into .venv, once …"
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(RUN)/pip install --quiet --disable-pip-version-check uv; }
	@UV_PYTHON=$(RUN)/python $(UV) sync --frozen --quiet
	@touch $@

prometheus: setup .venv/prometheus/.ready ## get prometheus and promtool for the tests, where there is apt-get

.venv/prometheus/.ready: tools/prometheus.sh | setup
	@tools/prometheus.sh

run: setup ## start a complete installation and send a batch (STORAGE=s3, PORT=0)
	@exec $(RUN)/darkroom dev --storage $(STORAGE) --port $(PORT)

test: setup prometheus ## run lint, the guard and all tests, side by side (AT_ONCE=3 processes)
	@$(MAKE) --no-print-directory -j 2 pytest lint bench-guard

pytest: setup prometheus
	@$(RUN)/pytest -n $(AT_ONCE) --dist worksteal

lint: setup ## run ruff, mypy strict, import-linter and deptry
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/deptry engine service

bench: setup ## compare the engine with other libraries (ROUNDS=7, ONLY=W1,W5, CONTENDERS=sharp,…)
	@$(RUN)/python -m bench.run --rounds $(ROUNDS) --only "$(ONLY)" --contenders "$(CONTENDERS)" --results $(RESULTS)

bench-rivals: setup ## install the other libraries that package registries have
	@bench/rivals/install.sh

bench-growth: setup ## measure how cost grows with jobs, pixels and steps
	@$(RUN)/python -m bench.growth

bench-guard: setup ## check decodes, pixels, operations and memory against bench/guard.json
	@$(RUN)/python -m bench.guard

bench-service: setup ## measure the service, beside other servers too (SERVICE="--help")
	@$(RUN)/python -m bench.service $(SERVICE)

load: setup ## drive the whole service: rates, times, saturation, cost (LOAD="--help")
	@$(RUN)/python -m bench.load $(LOAD)

load-hosts: setup ## workers on hosts of their own: one, two, one cut off, one lost (root; HOSTS="--help")
	@$(RUN)/python -m bench.hosts $(HOSTS)

capacity: setup ## measure what a batch costs API, Postgres, Valkey and worker, for `make scaling`
	@$(RUN)/python -m bench.scaling.capacity

scaling: setup ## simulate the plans of docs/scaling.md from what was measured
	@$(RUN)/python -m bench.scaling

fuzz: setup ## send malformed files of every format through real children (N=10000)
	@$(RUN)/python -m tests.fuzz --count $(N)

chaos: setup ## break a whole installation and check every promise (CHAOS="--help")
	@$(RUN)/python -m tests.chaos $(CHAOS)

upgrade: setup ## run the last tagged version and this one side by side, in every combination
	@$(RUN)/pytest -s -m long tests/upgrade

attack: setup ## attack a running installation in every way that is known (ATTACK="--help")
	@$(RUN)/python -m tests.attack $(ATTACK)

corpus: setup ## run a folder of images through a matrix of jobs, beside Pillow (DIR=…)
	@$(RUN)/python -m tests.corpus "$(DIR)"

generators: setup ## make clients of the OpenAPI document with two generators, and use them
	@$(RUN)/pytest -m long tests/service/clients

image: setup ## build the container image without Docker, and use it (needs root and debootstrap)
	@$(RUN)/pytest -m long tests/deploy

matrix: setup ## test every transformation on every kind of image in every format
	@$(RUN)/pytest -m long tests/engine/matrix

properties: setup ## test every property on 1,000 examples
	@$(RUN)/pytest -n $(AT_ONCE) -m hypothesis --hypothesis-profile long --timeout 3600

memory: setup ## compare predicted with measured memory: every type, format and source, and batches
	@$(RUN)/pytest -s -m long --timeout 3600 tests/engine/memory

times: setup ## compare predicted with measured time: every type, format and source
	@$(RUN)/pytest -s -m long --timeout 3600 tests/engine/cost/test_time.py

batches: setup ## compare random batches with their plans before optimisation (N=10000)
	@VIPS_CONCURRENCY=1 $(RUN)/python -m tests.engine.execute.batches --count $(N)

gallery: setup ## regenerate docs/gallery: every transformation and option, before and after
	@$(RUN)/python -m gallery

plans: setup ## regenerate the plans in tests/engine/explain/plans and the diagram of the README
	@$(RUN)/python -m tests.engine.explain.test_plans

dashboards: setup ## regenerate deploy/grafana from tools/dashboards
	@$(RUN)/python -m tools.dashboards.build

observe: setup prometheus ## make every alert fire and resolve in a real Prometheus (OBSERVE="--help")
	@$(RUN)/python -m tests.observe $(OBSERVE)

metrics: setup ## regenerate docs/metrics.md from the metrics of the code
	@$(RUN)/python -m tools.metrics_page

architecture: setup ## regenerate ARCHITECTURE.md's diagram and table from the imports
	@$(RUN)/python -m tools.architecture

format: setup ## format the code with ruff, and fix what it can
	@$(RUN)/ruff check --fix .
	@$(RUN)/ruff format .

clean: ## remove the virtual environment, caches and the demo's data
	rm -rf .venv .darkroom .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
