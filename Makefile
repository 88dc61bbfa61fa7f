# Everything a newcomer needs; `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000
VAR ?= var
JOBS ?= 3
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo install install-dev test test-thorough check lint types imports format lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: install ## words, pictures and sounds in your browser (PORT=8000 VAR=var CATALOG=items.jsonl MEDIA=dir)
	@VAR="$(VAR)" $(BIN)/python manage.py demo --port $(PORT) \
		$(if $(CATALOG),--catalog "$(CATALOG)") $(if $(MEDIA),--media-root "$(MEDIA)")

install: $(VENV)/.installed ## the environment for running

install-dev: $(VENV)/.installed-dev ## the environment for working on Triad

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Triad needs Python 3.11 or newer: make demo PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "The venv module is missing: on Debian, apt install python3-venv"; exit 1; }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	@echo "Installing packages (about 2.5 GB to fetch, 6 GB on disk; PyTorch is most of it)"
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(VENV)/bin/python
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

# one process more than two cores: browsers, servers and workers are waited for
test: install-dev ## every test, on embedded servers of their own under var/test (JOBS=3)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations 20

test-thorough: install-dev ## those and the slow ones, with all generated examples (an hour)
	@THOROUGH=1 $(BIN)/python -m pytest -m "slow or not slow" --durations 20

check: lint types imports ## what CI runs besides the tests
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@TRIAD_ENV=production SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') \
		ALLOWED_HOSTS=triad.example DATABASE_URL=postgres://triad@127.0.0.1/triad \
		REDIS_URL=redis://127.0.0.1/0 $(BIN)/python manage.py check --deploy --fail-level WARNING

lint: install-dev ## format and lint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: install-dev ## static types
	@$(BIN)/mypy

imports: install-dev ## who may import whom
	@$(BIN)/lint-imports

format: install-dev ## rewrite the code in our format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: ## write requirements*.txt from requirements*.in (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url \
		--no-emit-find-links requirements.in -o requirements.txt
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url \
		--no-emit-find-links requirements-dev.in -c requirements.txt -o requirements-dev.txt

clean: ## forget every cache (not var/, where the data are)
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
