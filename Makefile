# Needs Python 3.11 or newer and make. Everything else is installed into .venv, pinned by hash.

PYTHON ?= python3
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
TYPED := signerd tests tools bench
RUN := $(BIN)/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
PYTEST := $(RUN) -m pytest $(PYTEST_ARGS)
# Most of these tests wait for processes of their own: more of them than cores.
BESIDE := -n 4 -m "not soak and not alone"

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: venv ## start a daemon, create a key, sign, verify, read the audit record
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo/demo.sh

.PHONY: test
test: venv ## unit tests, the conformance suite of every provider, and the commands that the documentation shows
	@$(PYTEST) -n auto tests/unit tests/providers tests/docs

.PHONY: integration
integration: venv ## tests against real servers on this machine
	@$(RUN) -m tools.install_tools cosign-v2 cosign-v3 kube-apiserver \
	  || echo "integration: tests of what is missing are skipped"
	@$(PYTEST) $(BESIDE) --dist worksteal tests/integration --ignore=tests/integration/providers
	@$(PYTEST) $(BESIDE) --dist loadfile tests/integration/providers
	@$(PYTEST) -m "alone and not soak" tests/integration

.PHONY: interop
interop: venv ## tests with real clients (cosign v2 and v3, openssl, tessera's fsck)
	@$(RUN) -m tools.install_tools cosign-v2 cosign-v3 fsck litewitness sumdb
	@$(PYTEST) tests/interop

.PHONY: soak
soak: venv ## long tests that hunt leaks and rare failures
	@$(RUN) -m tools.install_tools fsck sumdb
	@SIGNERD_SOAK=1 $(PYTEST) -m soak --timeout=0 tests

.PHONY: lint
lint: venv ## style, types, import layers, generated code and text, .proto files
	@echo "lint: ruff"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --diff .
	@echo "lint: mypy, Python 3.11 and 3.13"
	@$(BIN)/mypy --no-error-summary $(TYPED) --python-version 3.13 & newer=$$!; \
	  $(BIN)/mypy --no-error-summary $(TYPED); older=$$?; wait $$newer && exit $$older
	@echo "lint: import layers"
	@out=$$($(BIN)/lint-imports) || { echo "$$out"; exit 1; }
	@echo "lint: generated code"
	@$(RUN) -m tools.generate_proto --check
	@echo "lint: documentation made from code"
	@$(RUN) -m tools.write_docs --check
	@echo "lint: .proto files"
	@$(RUN) -m tools.lint_proto
	@echo "lint: ok"

.PHONY: format
format: venv ## put the code into shape
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

.PHONY: bench
bench: venv ## measure; ONLY=prefix runs a part (writes build/bench.json)
	@$(RUN) -m bench $(if $(ONLY),--only $(ONLY))

.PHONY: proto
proto: venv ## generate signerd/v1 from proto/
	@$(RUN) -m tools.generate_proto

.PHONY: docs-text
docs-text: venv ## write the parts of the documentation that are made from code
	@$(RUN) -m tools.write_docs

.PHONY: docs
docs: venv $(VENV)/.docs ## build the documentation into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "docs: build/site/index.html"

.PHONY: requirements
requirements: venv ## pin requirements/*.txt again (UPGRADE=1 takes newer versions)
	@$(RUN) -m tools.lock_requirements $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## remove what was made here, but .venv and .cache
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -path ./$(VENV) -prune -o -path ./.cache -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: venv
venv: $(VENV)/.ready ## create .venv

# Stamps: each is newer than what it was made from. What was left half-made is made again.
$(VENV)/.ready: $(VENV)/.packages pyproject.toml
	@echo "setup: installing signerd"
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.packages: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "setup: Python 3.11 or newer is needed ($(PYTHON) is not); name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "setup: creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
	  || { rm -rf $(VENV); echo "setup: $(PYTHON) cannot make a virtual environment; Debian, Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup: installing pinned packages (about a minute)"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.packages requirements/docs.txt
	@echo "setup: installing mkdocs"
	@$(PIP) --require-hashes -r requirements/docs.txt
	@touch $@
