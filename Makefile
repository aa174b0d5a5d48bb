# make serve   sets up everything and runs the service on the embedded PostgreSQL
# make test    sets up everything and passes the tests
# make test-full   adds what needs root, Debian's PostgreSQL or minutes
# make test-edges  the tests of time, two seconds before days, months and years end, under load
# make drill     the long forms of tests
# make lint    ruff, mypy, sqlfluff, and who may import whom
PYTHON ?= python3
BIN := .venv/bin

EDGES := day month year february leap
# in the order of the folders, for the small files of tests/sql even out what the workers do
SPREAD := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: serve test test-full test-edges drill lint setup clean

serve: .venv/installed
	$(BIN)/magray serve

test: .venv/installed-dev
	$(BIN)/python -m pytest -m "not full and not drill" $(SPREAD)

test-full: .venv/installed-dev
	tools/debian-postgres start
	if docker info >/dev/null 2>&1; then MAGRAY_BASE="$$(tools/docker-base)" && export MAGRAY_BASE; fi; \
	  MAGRAY_DEBIAN_DATABASE_URL="$$(tools/debian-postgres url)" $(BIN)/python -m pytest -m full; \
	  status=$$?; tools/debian-postgres stop; exit $$status

test-edges: .venv/installed-dev
	for n in 1 2; do while :; do :; done & loops="$$loops $$!"; done; trap "kill $$loops" EXIT; \
	  for edge in $(EDGES); do \
	    $(BIN)/python -m pytest tests/sql tests/model tests/watch tests/schedule --now $$edge \
	      -m "not full and not drill" $(SPREAD) || exit 1; done

drill: .venv/installed-dev
	$(BIN)/python -m pytest -m drill

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint sql --processes 2

setup: .venv/installed-dev

.venv/bin/python:
	$(PYTHON) tools/make_venv.py .venv

.venv/installed: .venv/bin/python pyproject.toml
	@echo "Installing into .venv; the first time this takes a minute or more."
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
