# make quickstart   set up, train both arms on the built-in corpus, write the report   (about 10 minutes on 2 cores)
# make setup        set up alone; make ... PYTHON=python3.12 takes another Python than python3
# make test         set up with the development tools, then format, lint, types, tests
# make torture      hurt runs in every way of the catalogue, into results/reliability   (about 7 minutes)

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --constraint constraints.txt
STUDY := quickstart
NEW_ENOUGH := import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else "error: Python 3.11 or newer is \
  needed, and this is %d.%d: make ... PYTHON=python3.12 takes another (remove $(VENV) first)" % v[:2])
READY := $(PY) -m pip --version > /dev/null 2>&1

.PHONY: setup dev weights quickstart test torture clean

setup: $(VENV)/.installed weights
dev: $(VENV)/.installed-dev weights

$(VENV)/.made:
	@$(READY) || $(PYTHON) -c '$(NEW_ENOUGH)'
	$(READY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -c '$(NEW_ENOUGH)'
	$(PY) -m pip install --quiet --upgrade "pip>=25.1"  # the first with --group
	touch $@

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.made
	$(PIP) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --group dev
	touch $@

weights: $(VENV)/.installed
	$(PY) -m models.fetch minilm

quickstart: setup
	$(PY) -m train.study train/studies/$(STUDY).toml
	$(PY) -m analysis.compare results/$(STUDY)
	@echo
	@echo "Done. Open results/$(STUDY)/report.html, then try: $(PY) -m train.run --help"

test: dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(PY) -m pytest --numprocesses auto --dist loadfile

torture: $(VENV)/.installed-dev
	$(PY) -m tests.torture --out results/reliability

clean:
	rm -rf $(VENV) results/$(STUDY) *.egg-info
