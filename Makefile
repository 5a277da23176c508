# Needs Python 3.11 or newer and make; everything else is installed into .venv, once.
#
#   make demo       the whole pipeline on generated tissue: a table and a report, no download
#   make test       the whole suite            make test-slow  what takes longer than a suite may
#   make lint       code, types and prose      make bench      speed beside its peers
#   make docs       the site, into site/       make fuzz       damaged files, 200 ways each
#   make clean      remove what these made, except .venv

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
OUT ?= demo
WORKERS ?= 2
PAGE := hatch_build.py $(wildcard src/inklings/viewer/ui/* src/inklings/viewer/ui/src/*)
NUCLEI ?= ../shared/data/dsb2018_stage1_train.zip

.PHONY: help demo test test-slow fuzz lint bench docs clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -7

demo: $(VENV)/.installed
	$(BIN)/inklings demo --out $(OUT)

# One thread a worker: two workers that each take every core are slower than one.
test: $(VENV)/.tested
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow"

test-slow: $(VENV)/.tested
	$(BIN)/python -m pytest -q -m slow

fuzz: $(VENV)/.tested
	OMP_NUM_THREADS=1 INKLINGS_FUZZ=200 $(BIN)/python -m pytest -q -n $(WORKERS) -k fuzzed tests/doors

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/tools/prose.py
	git ls-files | grep -v ipynb | xargs $(BIN)/codespell

bench: $(VENV)/.tested
	$(BIN)/python benchmarks/bench_train_step.py
	test ! -f $(NUCLEI) || $(BIN)/python benchmarks/bench_import.py $(NUCLEI)

docs: $(VENV)/.documented
	$(BIN)/python -m typer inklings.cli utils docs --name inklings --title Commands \
		--output docs/commands.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

clean:
	rm -rf $(OUT) build dist site docs/commands.md .pytest_cache .mypy_cache .ruff_cache .benchmarks
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# pip is the last thing that venv makes, so an interrupted venv is made again.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 or newer on the PATH, found none;" \
		"install one, or say where it is: make PYTHON=/path/to/python3"; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)

# Editable, so that a change of the source needs no second install.
$(VENV)/.installed: pyproject.toml constraints.txt $(PAGE) | $(BIN)/pip
	@echo "installing inklings into $(VENV) (some minutes the first time)"
	$(PIP) --editable .
	@test -f src/inklings/viewer/static/index.html || echo "the viewer's page was not built" \
		"(no network for its npm packages?); all but 'inklings view' works. Later: $(PIP) -e ."
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	@echo "installing the test packages into $(VENV)"
	$(PIP) --editable '.[test,monai,docs]'
	@touch $@

$(VENV)/.documented: $(VENV)/.installed
	@echo "installing the documentation packages into $(VENV)"
	$(PIP) --editable '.[docs]'
	@touch $@
