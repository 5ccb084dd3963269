# SPDX-License-Identifier: Apache-2.0
# make run      set up, then the main job: a language model on a simulated board, checked
# make test     set up, then all tests but the nightly ones
# make lint     set up, then the linter and the type checker
# make nightly  every test, then an installation with whatever versions are newest
# make clean    remove what these made; simulated boards stay in the user's cache

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test lint nightly clean

run: $(STAMP)
	$(BIN)/luthier run

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/basedpyright

nightly: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "nightly or not nightly"
	PYTHON=$(PYTHON) .ci/unlocked

$(STAMP): pyproject.toml setup.py requirements.lock .ci/tools
	@PYTHON=$(PYTHON) .ci/tools
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c requirements.lock -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
