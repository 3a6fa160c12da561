# Everything runs in .venv, which is made on first use and after tools/requirements.txt changed.

PYTHON := .venv/bin/python
INSTALLED := .venv/installed
SOURCES := lambda tools tests
ARCH ?= arm64
CHECKOV := 3.3.30
PIP_AUDIT := 2.10.1
ADVISORIES := https://pypi.org/pypi/pip/25.0/json
COMPILE := .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make lock"

# By the environment the shell gets it whole: spaces, quotes and, as make takes it literally, dollars.
GIVEN := PHOTO PHOTOS COUNT QUEUE WORKFLOW FUNCTION REASON DRY_RUN PREFIX MANIFEST DEPLOYMENT YES STOP
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)

.PHONY: help demo up down redrive backfill pictures bench fuzz histories soak audit test lint terraform-test pytest format build lock clean terraform

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) terraform ## Show sample photographs, or PHOTO=file, before and after
	@$(PYTHON) tools/demo.py $${PHOTO:+-- "$$PHOTO"}

up: $(INSTALLED) terraform ## Start a local cloud with the pipeline and leave it running
	@$(PYTHON) tools/local.py up

down: $(INSTALLED) ## Stop what "make up" left running
	@$(PYTHON) tools/local.py down

test: pytest ## Run every check and every test

# One after the other, even under "make -j": the quick ones first.
pytest: terraform-test
	$(PYTHON) -m pytest --maxfail=10 $(PYTEST_OPTIONS) tests/unit tests/aws tests/e2e

histories: $(INSTALLED) ## Check the promise on HISTORIES random histories of each kind (1,000)
	@HISTORIES=$${HISTORIES:-1000} $(PYTHON) -m pytest tests/aws/test_promise.py

soak: $(INSTALLED) terraform ## Upload 5,000 pictures (UPLOADS=…) amid faults, and lose none
	@UPLOADS=$${UPLOADS:-5000} $(PYTHON) -m pytest tests/e2e/test_load.py

# Each in an environment of its own: checkov insists on an older boto3.
audit: $(INSTALLED) ## Look for unsafe settings (checkov) and for known holes in packages (pip-audit)
	@.venv/bin/uv tool run --from checkov==$(CHECKOV) checkov --config-file .checkov.yaml
	@if $(PYTHON) -c "from urllib.request import urlopen; urlopen('$(ADVISORIES)', timeout=10)" 2> /dev/null; then \
		.venv/bin/uv tool run pip-audit==$(PIP_AUDIT) --strict --disable-pip \
			--requirement tools/requirements.txt --requirement lambda/requirements.txt; \
	else \
		echo "The packages were not audited: $(ADVISORIES) cannot be reached from here."; \
	fi

terraform-test: lint
	@$(PYTHON) tools/terraform.py

redrive: $(INSTALLED) terraform ## Have what failed tried again (REASON=… DRY_RUN=1 YES=1)
	@$(PYTHON) tools/redrive.py $${QUEUE:+--queue-url="$$QUEUE"} \
		$${WORKFLOW:+--workflow="$$WORKFLOW"} $${FUNCTION:+--function="$$FUNCTION"} \
		$${REASON:+--reason="$$REASON"} $${DRY_RUN:+--dry-run} $${YES:+--yes}

backfill: $(INSTALLED) terraform ## Process what is there already (PREFIX=… MANIFEST=… DRY_RUN=1 STOP=1)
	@PYTHONPATH=lambda $(PYTHON) tools/backfill.py $${PREFIX:+--prefix="$$PREFIX"} \
		$${MANIFEST:+--manifest="$$MANIFEST"} $${DEPLOYMENT:+--deployment="$$DEPLOYMENT"} \
		$${DRY_RUN:+--dry-run} $${YES:+--yes} $${STOP:+--stop}

pictures: demo ## Draw the pictures of the README
	@PYTHONPATH=lambda $(PYTHON) tools/gallery.py
	@$(PYTHON) -m pytest --quiet tests/e2e/test_upload_page.py
	@cp build/demo/before-after.jpg build/screenshots/upload-page-*.webp tools/pictures/

bench: $(INSTALLED) ## Time the engine beside its peers (PHOTOS=folder for pictures of yours)
	@PYTHONPATH=lambda:tools $(PYTHON) -m bench $${PHOTOS:+--photos="$$PHOTOS"}

fuzz: $(INSTALLED) ## Feed the engine COUNT damaged files (10,000 by default)
	@PYTHONPATH=lambda:. $(PYTHON) -m tests.unit.imaging.fuzz --count $${COUNT:-10000}

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
	rm -rf build .hypothesis .mypy_cache .pytest_cache .ruff_cache

# With a space in the path of this folder, pip's script for awscli does not find its Python: ours does.
$(INSTALLED): tools/requirements.txt $(PYTHON)
	@echo "Installing the tools into .venv"
	@$(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check --no-deps \
		--require-hashes --requirement tools/requirements.txt
	@printf '%s\n' '#!/bin/sh' 'exec "$${0%/*}/python" -m awscli "$$@"' > .venv/bin/aws
	@chmod +x .venv/bin/aws
	@touch $@

$(PYTHON):
	@python=$$(for name in python3 python3.13 python3.14 python3.12 python3.11; do \
		if $$name -c "" 2> /dev/null; then exec $$name tools/interpreters.py; fi; done; \
		echo "Python 3.11 or later is needed, best 3.13: none runs here." >&2; exit 1) \
	&& "$$python" -m venv --clear .venv

terraform:
	@command -v terraform > /dev/null || { echo "Terraform 1.9 or later is needed:" \
		"https://developer.hashicorp.com/terraform/install" >&2; exit 1; }
