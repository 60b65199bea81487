# becalm's doors for people. `make` alone lists them.
# PYTHON=... chooses the interpreter that makes .venv; VENV=... another folder for it.

VENV ?= .venv
BIN := $(VENV)/bin
export BECALM_VENV := $(VENV)
WORKERS ?= 2
SCENARIO ?= as_the_press_told_it
SEED ?= 1
RESUME ?= # --resume goes on with a year that was stopped

.PHONY: help demo demo-pages rehearse rehearse-coverage cases house mutants test check static test-exhaustive bench assets docs site dist pins pictures clean install-base install-pages install-bench install-release install-test

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 18

demo: install-base ## build the simulated city, run the weekly cycle on it, say where the briefing is
	@tools/demo.sh

demo-pages: install-pages ## serve the pages of the demo on this machine, with one user for each role
	@tools/demo_pages.sh

test: install-test static ## install what the tests need, then run every check and every test
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile -q -m "not exhaustive"

check: install-test static ## formatting, lint, types, import contracts and the tests of the house itself
	@$(BIN)/pytest -q -m "not exhaustive" tests/house

static: install-test
	@$(BIN)/ruff format --check --quiet . || { echo "Formatting differs: run $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo

test-exhaustive: install-test ## the long tests, which make test leaves out, and other random examples
	@BECALM_EXAMPLES=wide $(BIN)/pytest -n $(WORKERS) --dist loadfile -q -m exhaustive tests
	@BECALM_EXAMPLES=wide $(BIN)/pytest -n $(WORKERS) --dist loadfile -q -m "not exhaustive" tests/property

house: install-base ## print the figures of the code beside those of four peers
	@$(BIN)/python tools/house.py

mutants: install-test ## plant small faults in the code and list those that no test sees: ARGS="--sample 15 --seed 7 measure"
	@$(BIN)/python tools/mutants/run.py $(ARGS)

rehearse: install-base ## live a year on a simulated city a tenth of the size, and print what held beside the truth
	@$(BIN)/becalm rehearse --scenario $(SCENARIO) --scale small --seed $(SEED) --out build/rehearsal-$(SCENARIO)-$(SEED) $(RESUME)

rehearse-coverage: install-base ## live 20 years of each of four scenarios (a night; goes on where it stopped)
	@$(BIN)/python tools/rehearse_coverage.py build/coverage

cases: install-base ## run every awkward file of ../shared/cases, and print what came out of each
	@$(BIN)/python tools/cases.py

bench: install-bench ## run every benchmark against its peer in the same run, and print one table
	@$(BIN)/python benchmarks/all.py

assets: ## fetch the scripts and styles of others that the web pages use (maintainers; needs Node)
	@$(BIN)/python tools/assets.py

docs: install-test ## write the reference and the glossary anew from the program
	@$(BIN)/python docs/generate.py

site: install-test ## build the manual as a site into build/site, every asset local
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs build/site
	@echo "The manual: $(CURDIR)/build/site/README.html"

dist: install-release ## build what a release consists of: wheel, source archive, bill of materials
	@tools/dist.sh

pins: install-release ## write constraints.txt and requirements.txt anew: the newest versions that fit, with hashes
	@tools/pins.sh

pictures: install-test ## take the pictures in docs/pictures anew from a briefing of the simulated city
	@$(BIN)/python docs/pictures/take.py

clean: ## remove what these targets made, except the virtual environment
	rm -rf demo dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

install-pages: install-base
	@tools/install.sh pages

install-base:
	@tools/install.sh base

install-release: install-test
	@tools/install.sh release

install-bench: install-test
	@tools/install.sh bench

install-test:
	@tools/provision.sh
	@tools/install.sh test
