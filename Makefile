# Two commands: `make demo` and `make test`. Each makes `.venv` as it needs it.

PYTHON ?= python3
VENV_PYTHON = .venv/bin/python

.PHONY: help demo test format docs clean demo-setup test-setup python

help:
	@echo "make demo     train and compare a few methods on the digits"
	@echo "make test     lint, types, docs, and the tests on three backends"
	@echo "make format   format the code and mend what ruff can mend"
	@echo "make docs     build the pages into site/"
	@echo "make clean    remove .venv and everything that was built"
	@echo
	@echo "Another Python (3.11 or newer): make demo PYTHON=python3.12"

demo: demo-setup
	@KERAS_BACKEND=$${KERAS_BACKEND:-jax} $(VENV_PYTHON) scripts/demo.py

test: test-setup
	@$(VENV_PYTHON) tools/run_checks.py

format: test-setup
	@$(VENV_PYTHON) -m ruff check --fix .
	@$(VENV_PYTHON) -m ruff format .

docs: test-setup
	@KERAS_BACKEND=$${KERAS_BACKEND:-jax} $(VENV_PYTHON) -m mkdocs build --strict
	@echo "==> open site/index.html"

clean:
	rm -rf .venv build dist site demo_report *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

demo-setup: python
	@$(PYTHON) tools/make_venv.py demo

test-setup: python
	@$(PYTHON) tools/make_venv.py test

python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no '$(PYTHON)'. Install Python 3.11 or newer, or name" \
	    "yours: make demo PYTHON=/path/to/python"; exit 1; }
