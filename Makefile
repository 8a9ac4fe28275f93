# The project's verbs. `make help` lists them.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
GHOST  ?= var/ghost
SECONDS ?= 600
# A file of tests stays together: what it starts (a mail server, a browser) is started once. Files come in their order:
# those with the fewest tests, which are the longest, would come last otherwise, and one core would wait for the other.
PARALLEL ?= --numprocesses auto --dist loadfile --no-loadscope-reorder
# Flow runs of the demo and the tests talk to no one outside.
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-sources up parts test test-ghost fuzz check check-mails format bench crash chaos floors sbom wheel clean

help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## Make the virtual environment and install everything, pinned
$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || { echo "Making the virtual environment in $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the project and its tools (about a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,fast,semantic,scale,bench]'
	@touch $@

demo: $(READY) ## Run the main job on sample articles and people; SOURCE=path for your own file or folder
	@$(BIN)/newsletter demo $(if $(SOURCE),--source "$(SOURCE)")

demo-sources: $(READY) ## The same from a source of every kind and one that fails, each on a site of the demo's own
	@$(BIN)/newsletter demo --every-kind

up: $(READY) ## Bring everything up: console, site, Prefect and its pages; OPTIONS="--port 8001" where 8000 is taken
	@$(BIN)/newsletter up $(OPTIONS)

parts: ## Install the Debian packages that the tests' real parts come from (as root; otherwise says which)
	@tests/install-parts

test: $(READY) parts ## Pass every test, on every core
	@$(BIN)/python -m pytest $(PARALLEL)

test-ghost: $(READY) ## Install a real Ghost into var/ghost (Node 20, 650 MB, five minutes the first time) and read it
	@$(BIN)/python -m tests.newsletter.real_ghost $(GHOST)
	@GHOST_FOLDER=$(GHOST) $(BIN)/python -m pytest tests/newsletter/test_sources_ghost_real.py

fuzz: $(READY) ## Fuzz the parsers of texts from outside, ten minutes each; PARSER=feed SECONDS=60 for less
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	@$(BIN)/python -m tests.newsletter.fuzzing $(PARSER) --seconds $(SECONDS) --keep var/fuzz

check-mails: $(READY) parts ## Show every mail and page to a browser, a spam filter and a real mail server
	@$(BIN)/python -m pytest tests/newsletter/test_mails.py tests/newsletter/test_site_quality.py tests/newsletter/test_rendering_*.py

check: $(READY) parts ## Format, lint, types, tests: before every commit
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest $(PARALLEL)

format: $(READY) ## Format the code and mend what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## Measure everything shortly, each against a peer or a limit; DATA=path adds labelled sections
	@for name in near_duplicates delivery planning rendering ingest; do \
	    echo "== $$name"; $(BIN)/python -m benchmarks.$$name $$( [ $$name = near_duplicates ] && echo tests/data/beauty_*.txt tests/data/magazine_*.txt $(DATA) ) --quick || exit 1; \
	done

crash: $(READY) ## Kill senders at random and audit every recipient, at full size (about an hour)
	@$(BIN)/python -m benchmarks.crash

chaos: $(READY) ## Kill every part of a running installation 10 times during one edition of 50,000, and audit every reader
	@$(BIN)/python -m benchmarks.chaos

floors: ## Install the lowest versions that pyproject.toml allows beside nothing else, import everything, fold the samples
	@rm -rf var/floors && $(PYTHON) -m venv var/floors && var/floors/bin/python -m pip install --quiet --disable-pip-version-check uv
	@var/floors/bin/uv pip install --quiet --python var/floors/bin/python --resolution lowest-direct .
	@var/floors/bin/python -m tests.floors examples/articles/skin/*.md

sbom: $(READY) ## Write a bill of everything that is installed for the program (CycloneDX) to dist/sbom.json
	@mkdir -p dist && $(BIN)/newsletter sbom > dist/sbom.json && echo "dist/sbom.json"

wheel: $(READY) ## Build the wheel and the source distribution into dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## Remove what the demo, the tests and the builds wrote
	@rm -rf var dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
