# Signalbox needs Python 3.11 or later and nothing else.
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

.PHONY: up test lint bench lock install-run install-test

up: install-run ## Run Signalbox; stop it with Ctrl-C
	@exec $(BIN)/python manage.py up $(ARGS)

test: install-test ## Run every test, those in a browser included
	@$(BIN)/python -m pytest -n 2 $(ARGS)

lint: install-test ## Check style, types, imports between rooms, settings and migrations
	@.ci/lint

bench: install-run ## Measure the engine
	@$(BIN)/python manage.py bench $(ARGS)

lock: ## Write the locked requirements anew (needs uv)
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) pyproject.toml --group test -c requirements/run.txt -o requirements/test.txt
	$(LOCK) --group pyproject.toml:node -o requirements/node.txt

install-run install-test: install-%:
ifeq ($(PYTHON),)
	@echo "Signalbox needs Python 3.11 or later: install it so that python3 is found, and run make again." >&2; exit 1
else
	@$(PYTHON) config/install.py $*
endif
