# Everything begins with set-up, which does nothing when nothing changed. `make` alone lists what there is.

# The Python that made .venv goes on serving it; name another with `make setup PYTHON=python3.12`.
VENV_FITS := .venv/bin/python -c 'import sys; sys.exit(sys.prefix == sys.base_prefix or sys.version_info < (3, 11))'
PYTHON ?= $(shell $(VENV_FITS) 2>/dev/null && echo .venv/bin/python || echo python3)
# The exact versions; `make setup CONSTRAINTS=` lets pip choose within the ranges of pyproject.toml.
CONSTRAINTS ?= constraints.txt
# Further arguments for kedro, pytest or the pages, as in `make test ARGS="-m 'not slow'"`.
ARGS ?=
BIN := .venv/bin
CHECKS := check-lint check-format check-types check-imports check-notebooks

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint $(CHECKS) format ui bench clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

setup: ## make .venv ready (about 3 minutes and 7 GB the first time; quick when nothing changed)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null || \
		{ echo "Podium needs Python 3.11 or newer, which $(PYTHON) is not: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) scripts/setup.py --constraints "$(CONSTRAINTS)"

demo: setup ## run the whole chain, to a submission and a report, on the competition that Podium draws itself
	@$(BIN)/python -m kedro run --env base $(ARGS)
	@$(BIN)/python -m kedro run --env base --pipelines report $(ARGS)

# Three at a time keep two cores busy while one waits for a server, a page or a process that it started.
test: setup ## run all tests, three at a time (about 10 minutes on two cores)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

lint: setup ## run all checks of style, types, imports and notebooks
	@$(MAKE) --no-print-directory --keep-going $(CHECKS)

check-lint:
	@$(BIN)/ruff check
check-format:
	@$(BIN)/ruff format --check
check-types:
	@$(BIN)/mypy
check-imports:
	@$(BIN)/lint-imports --no-logo
check-notebooks:
	@[ ! -d notebooks ] || find notebooks -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' -exec $(BIN)/nbstripout --verify {} +

format: setup ## let ruff put the code into shape and strip the notebooks
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@[ ! -d notebooks ] || find notebooks -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' -exec $(BIN)/nbstripout {} +

ui: setup ## open MLflow and Kedro-Viz on this machine; Ctrl-C ends both
	@$(BIN)/python scripts/ui.py $(ARGS)

bench: setup ## time Podium against what one would take instead; ARGS="--list" names the benches
	@$(BIN)/pip install --quiet --no-deps --target .bench-packages --upgrade -r benchmarks/requirements.txt
	@PYTHONPATH="$(CURDIR)/.bench-packages" $(BIN)/python -m benchmarks $(ARGS)

clean: ## remove caches and build leftovers; data, results and .venv stay
	@rm -rf .bench-packages .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .viz build dist src/*.egg-info
	@find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
