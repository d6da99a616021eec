# make quickstart   set up, train both arms on the built-in corpus, write the report   (about 10 minutes on 2 cores)
# make test         set up with the development tools, then format, lint, types, tests
# make torture      hurt runs in every way of the catalogue, into results/reliability   (about 7 minutes)

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --constraint constraints.txt
STUDY := quickstart
TRAIN := $(PY) -m train.run --study $(STUDY) --train-examples 3000

.PHONY: setup dev weights quickstart test torture clean

setup: $(VENV)/.installed weights
dev: $(VENV)/.installed-dev weights

$(PY):
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade "pip>=25.1"  # the first with --group

$(VENV)/.installed: pyproject.toml constraints.txt | $(PY)
	$(PIP) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --group dev
	touch $@

weights: $(VENV)/.installed
	$(PY) -m models.fetch minilm

quickstart: setup
	rm -rf results/$(STUDY)
	$(TRAIN) --init scratch
	$(TRAIN) --init pretrained
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
