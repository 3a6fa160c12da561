# Everything runs in .venv, which is made on first use and after tools/requirements.txt changed.

PYTHON := .venv/bin/python
INSTALLED := .venv/installed
SOURCES := lambda tools tests
ARCH ?= arm64
COMPILE := .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make lock"

# By the environment the shell gets it whole, spaces and quotes and all.
export PHOTO QUEUE FUNCTION REASON DRY_RUN

.PHONY: help demo up down redrive test lint terraform-test pytest format build lock clean terraform

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) terraform ## Show sample photographs, or PHOTO=file, before and after
	@$(PYTHON) tools/demo.py $${PHOTO:+"$$PHOTO"}

up: $(INSTALLED) terraform ## Start a local cloud with the pipeline and leave it running
	@$(PYTHON) tools/local.py up

down: $(INSTALLED) ## Stop what "make up" left running
	@$(PYTHON) tools/local.py down

test: pytest ## Run every check and every test

# One after the other, even under "make -j": the quick ones first.
pytest: terraform-test
	$(PYTHON) -m pytest --maxfail=10 $(PYTEST_OPTIONS) tests/unit tests/aws tests/e2e

terraform-test: lint
	@$(PYTHON) tools/terraform.py

redrive: $(INSTALLED) terraform ## Let the function try again what failed (REASON=… DRY_RUN=1)
	@$(PYTHON) tools/redrive.py $${QUEUE:+--queue-url "$$QUEUE"} $${FUNCTION:+--function "$$FUNCTION"} \
		$${REASON:+--reason "$$REASON"} $${DRY_RUN:+--dry-run}

lint: $(INSTALLED) terraform ## Check style and types, and change nothing
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy $(SOURCES)
	terraform fmt -check -diff -recursive

format: $(INSTALLED) terraform ## Put the sources into their format
	.venv/bin/ruff check --select I --fix
	.venv/bin/ruff format
	terraform fmt -recursive

build: $(INSTALLED) ## Make the function's package for ARCH=arm64 or x86_64
	@$(PYTHON) tools/package.py --architecture $(ARCH) --output build/package-$(ARCH).zip

lock: $(INSTALLED) ## Pin what pyproject.toml asks for (UPGRADE=--upgrade for newer versions)
	$(COMPILE) $(UPGRADE) --group dev --output-file tools/requirements.txt
	$(COMPILE) --constraint tools/requirements.txt --output-file lambda/requirements.txt

clean: ## Remove what was made here, but .venv
	@if [ -x $(PYTHON) ]; then $(PYTHON) tools/local.py down; fi
	rm -rf build .mypy_cache .pytest_cache .ruff_cache

$(INSTALLED): tools/requirements.txt $(PYTHON)
	@echo "Installing the tools into .venv"
	@$(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check --no-deps \
		--require-hashes --requirement tools/requirements.txt
	@touch $@

$(PYTHON):
	@python=$$(for name in python3 python3.13 python3.14 python3.12 python3.11; do \
		if $$name -c "" 2> /dev/null; then exec $$name tools/interpreters.py; fi; done; \
		echo "Python 3.11 or later is needed, best 3.13: none runs here." >&2; exit 1) \
	&& "$$python" -m venv --clear .venv

terraform:
	@command -v terraform > /dev/null || { echo "Terraform 1.9 or later is needed:" \
		"https://developer.hashicorp.com/terraform/install" >&2; exit 1; }
