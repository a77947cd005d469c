# The commands of the project. VENV is the virtual environment they make and use.

PYTHON ?= python3
VENV ?= .venv
# `make test-oldest` tests with the oldest versions that pyproject.toml allows.
OLDEST ?= .venv-oldest
# `make test PYTEST_ARGS="-m slow"` runs another selection; the default leaves the slow tests out.
PYTEST_ARGS ?= -m "not slow"
# A process per core, up to four: each of them imports torch.
PYTEST = -m pytest --numprocesses auto --maxprocesses 4

BIN = $(VENV)/bin
INSTALL = PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test test-oldest lint docs clean

demo: $(VENV)/stamp-plot
	$(BIN)/python benchmarks/demo.py

test: $(VENV)/stamp-dev
	$(BIN)/python $(PYTEST) $(PYTEST_ARGS)

test-oldest: $(OLDEST)/stamp-oldest
	$(OLDEST)/bin/python $(PYTEST) $(PYTEST_ARGS)

lint: $(VENV)/stamp-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/stamp-docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf .venv .venv-oldest build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf docs/_build docs/generated docs/auto_examples docs/sg_execution_times.rst
	find sklearn_tamulag tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp per set of extras: an environment that has them is not installed into again.
$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

$(VENV)/stamp-plot: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(INSTALL) --editable ".[plot]"
	touch $@

$(VENV)/stamp-dev: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(INSTALL) --editable ".[dev]"
	touch $@

# No transformers: its releases that go with the pinned PyTorch need newer libraries than these.
$(OLDEST)/stamp-oldest: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(OLDEST)/bin/python -m pip install --quiet \
		--constraint constraints-oldest.txt --editable ".[plot]" hypothesis numpydoc pytest pytest-xdist
	touch $@

$(VENV)/stamp-docs: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(INSTALL) --editable ".[docs]"
	touch $@
