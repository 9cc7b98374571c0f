# Everything is installed into .venv of this checkout; nothing else on the machine is touched.
# PYTHON=/path/to/python picks the interpreter (3.11, 3.12 or 3.13).

.DEFAULT_GOAL := help
SHELL := /bin/sh

SUITABLE = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
FOUND = $(shell for name in python3.13 python3.12 python3.11 python3; do \
	"$$name" -c '$(SUITABLE)' >/dev/null 2>&1 && { command -v "$$name"; break; }; done)

BIN := .venv/bin
HOME_STAMP := .venv/.checkout
RUN_STAMP := .venv/.run
DEV_STAMP := .venv/.dev

# What a person's own pip settings must not change: where packages go, and that this is a venv.
PIP = env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT -u PYTHONPATH -u PYTHONHOME \
	PIP_USER=0 PIP_REQUIRE_HASHES=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
	$(BIN)/python -m pip -qq
RUN = env -u PYTHONPATH -u PYTHONHOME

# Arguments for pytest: make test PYTEST_ARGS='-k cancel'
PYTEST_ARGS ?= -q -n auto --dist worksteal

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: $(DEV_STAMP) ## Install what running, testing and developing needs

.PHONY: run
run: $(RUN_STAMP) ## Start everything here, with a simulated RingCentral, until Ctrl-C
	@exec $(RUN) $(BIN)/ringout up

.PHONY: test
test: $(DEV_STAMP) ## Run the tests
	@$(RUN) $(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: lint
lint: $(DEV_STAMP)
	@$(RUN) $(BIN)/ruff check .
	@$(RUN) $(BIN)/ruff format --check .
	@$(RUN) $(BIN)/mypy
	@$(RUN) $(BIN)/lint-imports
	@$(RUN) $(BIN)/bandit -q -r orchestrator workers simulator
	@$(RUN) $(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

.PHONY: check
check: lint ## Style, types, import rules and the compose file; then the tests
	@$(MAKE) --no-print-directory test

.PHONY: bench
bench: $(DEV_STAMP) ## Measure and print the table
	@$(RUN) $(BIN)/python -m tests.bench

.PHONY: fuzz
fuzz: $(DEV_STAMP) ## Send 20,000 generated requests to a running REST process
	@$(RUN) TESTS_FUZZ_CASES=20000 $(BIN)/python -m pytest -s --timeout 3600 \
		tests/contract/rest/test_schemathesis.py

.PHONY: conformance
conformance: $(DEV_STAMP) ## Run the MCP conformance suite (needs npx)
	@$(RUN) $(BIN)/python -m tests.conformance.run

.PHONY: audit
audit: $(DEV_STAMP) ## Ask about known weaknesses of what is installed, and of our own code
	@$(RUN) $(BIN)/bandit -q -r orchestrator workers simulator
	@$(RUN) $(BIN)/python -m tests.house.supply audit

.PHONY: sbom
sbom: $(DEV_STAMP) ## Write build/sbom.json: what is shipped, with versions and licences (CycloneDX)
	@$(RUN) $(BIN)/python -m tests.house.supply sbom build/sbom.json

.PHONY: docs
docs: $(DEV_STAMP) ## Write the pages that are made from the code again
	@$(RUN) $(BIN)/python -m tests.house.pages

.PHONY: lock
lock: $(DEV_STAMP) ## Choose the newest versions again and write both lock files
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra local --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra local --group build --group dev -c requirements.lock pyproject.toml \
		-o requirements-dev.lock

.PHONY: clean
clean: ## Remove the environment and everything that was generated
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find orchestrator workers simulator tests examples -name __pycache__ -type d -prune \
		-exec rm -rf {} +

# A checkout that was moved takes its environment along, and its scripts name the old place.
# An environment that was made by other means is kept.
ifneq ($(shell cat $(HOME_STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(HOME_STAMP)
endif

$(HOME_STAMP):
	@if [ ! -e $@ ] && $(BIN)/python -c 'import pip; $(SUITABLE)' 2>/dev/null; then \
		printf '%s' "$(CURDIR)" > $@; exit 0; fi; \
	python="$(or $(PYTHON),$(FOUND))"; \
	if ! "$$python" -c '$(SUITABLE)' 2>/dev/null; then \
		echo "make: needs Python 3.11, 3.12 or 3.13 (PYTHON=/path/to/python names one)" >&2; exit 2; fi; \
	echo "making .venv with $$("$$python" --version)"; \
	$(RUN) "$$python" -m venv --clear .venv && printf '%s' "$(CURDIR)" > $@

$(RUN_STAMP): requirements.lock pyproject.toml $(HOME_STAMP)
	@echo "installing what running needs (requirements.lock)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(RUN_STAMP)
	@echo "installing what developing needs (requirements-dev.lock)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
