# Everything runs in .venv, which is created on first use and updated when the requirements files in
# tools change: LOCAL has the packages for the local cloud, INSTALLED has all packages.

PYTHON := .venv/bin/python
INSTALLED := .venv/installed
LOCAL := .venv/installed-local
SOURCES := lambda tools tests
# Neither your settings nor what `make up` leaves in build.
CONFIGURATION := $(wildcard *.tf) modules examples tests
ARCH ?= arm64
# TF=tofu runs OpenTofu instead of Terraform everywhere.
TF ?= terraform
# More processes than cores, as tests on the local cloud mostly wait; tests/conftest.py schedules them.
PROCESSES ?= 4
PYTEST = $(PYTHON) -m pytest --numprocesses $(PROCESSES)
CHECKOV := 3.3.30
PIP_AUDIT := 2.10.1
ADVISORIES := https://pypi.org/pypi/pip/25.0/json
COMPILE := .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make lock"

# Otherwise each of the many programs would compile whatever it imports.
export PYTHONDONTWRITEBYTECODE =

# Commands read their options from this variable, unchanged: with spaces, quotes and dollars.
# tools/command_line.py parses it.
define GIVEN_TO_MAKE
$(foreach name,SETTINGS PHOTO PHOTOS QUEUE WORKFLOW FUNCTION REASON DRY_RUN PREFIX MANIFEST DEPLOYMENT YES STOP GONE KEY SINCE FOLLOW,$(name)=$(value $(name))
)
endef
export GIVEN_TO_MAKE

.PHONY: help demo up down doctor deploy destroy logs status validate-aws redrive backfill prune pictures bench bench-memory fuzz histories protocol soak audit test suite check lint format build lock clean terraform

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: terraform $(LOCAL) ## Process sample photographs, or PHOTO=file or folder, and show them before and after
	@$(PYTHON) tools demo

up: terraform $(LOCAL) ## Run a local cloud with terraform.tfvars, or with SETTINGS=file
	@$(PYTHON) tools up

down: $(LOCAL) ## Stop what "make up" left running
	@$(PYTHON) tools down

doctor: terraform $(LOCAL) ## Find problems that would make a deployment to AWS fail, with fixes
	@$(PYTHON) tools doctor

deploy: terraform $(LOCAL) ## Deploy to AWS: doctor, plan, confirm, apply, test upload (YES=1)
	@$(PYTHON) tools deploy

destroy: terraform $(LOCAL) ## Show the data of a deployment on AWS, confirm, and destroy it (YES=1)
	@$(PYTHON) tools destroy

status: terraform $(LOCAL) ## Show everything about one upload, KEY=photo.jpg
	@$(PYTHON) tools status

logs: terraform $(LOCAL) ## Show the function's log (SINCE=1h FOLLOW=1)
	@$(PYTHON) tools logs

validate-aws: terraform $(LOCAL) ## Let AWS validate state machines, policies and quotas, free and without resources
	@$(PYTHON) tools validate-aws

test: lint suite ## Run every check and every test, in PROCESSES (4)

# Without MAKEFLAGS: makes that the tests run are not jobs of this make.
suite: $(INSTALLED) terraform
	MAKEFLAGS= $(PYTEST) --maxfail=10 $(PYTEST_OPTIONS) tests

# Nothing here waits: a process for every core.
check histories: PROCESSES = auto

check: lint ## Run everything that needs no cloud: style, types, unit tests, terraform test
	$(PYTEST) $(PYTEST_OPTIONS) tests/unit tests/terraform

histories: $(INSTALLED) ## Check the promise on HISTORIES random histories of each kind (4,000)
	@HISTORIES=$${HISTORIES:-4000} $(PYTEST) tests/aws/test_promise.py

protocol: $(INSTALLED) ## Explore every interleaving of longer histories of the protocol
	@$(PYTHON) -m tests.unit.protocol

soak: $(INSTALLED) terraform ## Check that 5,000 uploads (UPLOADS=…) survive random faults
	@UPLOADS=$${UPLOADS:-5000} $(PYTHON) -m pytest tests/e2e/test_load.py

# Each in its own environment: checkov requires an older boto3.
audit: $(INSTALLED) terraform ## Find unsafe settings (checkov), invalid state machines, vulnerable packages and old native libraries
	@$(PYTHON) tools audit
	@$(PYTHON) tools check-definitions
	@.venv/bin/uv tool run --from checkov==$(CHECKOV) checkov --config-file .checkov.yaml
	@if $(PYTHON) -c "from urllib.request import urlopen; urlopen('$(ADVISORIES)', timeout=10)" 2> /dev/null; then \
		.venv/bin/uv tool run pip-audit==$(PIP_AUDIT) --strict --disable-pip \
			--requirement tools/requirements.txt --requirement lambda/requirements.txt; \
	else \
		echo "The packages were not audited: $(ADVISORIES) cannot be reached from here."; \
	fi

redrive: terraform $(LOCAL) ## Retry failed uploads (REASON=… DRY_RUN=1 YES=1)
	@$(PYTHON) tools redrive

backfill: terraform $(LOCAL) ## Process existing objects (PREFIX=… MANIFEST=… DRY_RUN=1 STOP=1)
	@$(PYTHON) tools backfill

prune: $(INSTALLED) terraform ## Delete images that no current variant produces (PREFIX=… GONE=1 DRY_RUN=1)
	@$(PYTHON) tools prune

pictures: $(INSTALLED) demo ## Draw the pictures of the README
	@$(PYTHON) tools gallery
	@$(PYTHON) -m tests.monitoring.picture
	@$(PYTHON) -m pytest --quiet tests/e2e/test_upload_page.py
	@cp build/demo/before-after.jpg build/screenshots/upload-page-*.webp tools/pictures/

bench: $(INSTALLED) ## Time the engine and its peers (PHOTOS=folder for your own pictures)
	@$(PYTHON) tools bench

bench-memory: $(INSTALLED) ## Measure cold starts and uploads at every memory size, and write the tables of docs/costs.md
	@$(PYTHON) tools bench-memory

fuzz: $(INSTALLED) ## Send COUNT damaged files (10,000) and 7,000 bombs through the sandbox
	@PYTHONPATH=lambda:. $(PYTHON) -m tests.unit.imaging.fuzz --bombs --count $${COUNT:-10000}

lint: $(INSTALLED) terraform ## Check style, types and the CI workflow, and change nothing
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy $(SOURCES)
	$(TF) fmt -check -diff -recursive $(CONFIGURATION)
	.venv/bin/jactionlint --shellcheck=

format: $(INSTALLED) terraform ## Format the sources
	.venv/bin/ruff check --select I --fix
	.venv/bin/ruff format
	$(TF) fmt -recursive $(CONFIGURATION)

build: $(INSTALLED) ## Build the function's package for ARCH=arm64 or x86_64
	@$(PYTHON) tools package --architecture $(ARCH) --output build/package-$(ARCH).zip

lock: $(INSTALLED) ## Pin the dependencies of pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(COMPILE) $(UPGRADE) --group dev --output-file tools/requirements.txt
	$(COMPILE) --constraint tools/requirements.txt --group local --output-file tools/requirements-local.txt
	$(COMPILE) --constraint tools/requirements.txt --output-file lambda/requirements.txt

clean: ## Remove generated files except .venv
	@if [ -x $(PYTHON) ]; then $(PYTHON) tools down; fi
	rm -rf build .hypothesis .mypy_cache .pytest_cache .ruff_cache

# Any Python 3 finds the one to install with.
INSTALL = python=$$(for name in python3 python3.13 python3.14 python3.12 python3.11; do \
		if $$name -c "" 2> /dev/null; then echo $$name; break; fi; done); \
	[ -n "$$python" ] || { echo "Python 3.11 or later is needed, best 3.13: none runs here." >&2; exit 1; }; \
	"$$python" tools install

$(INSTALLED): tools/requirements.txt
	@$(INSTALL) requirements.txt $@

$(LOCAL): tools/requirements-local.txt
	@$(INSTALL) requirements-local.txt $@

terraform:
	@command -v "$(TF)" > /dev/null || { echo "Terraform 1.9 or later is needed:" \
		"https://developer.hashicorp.com/terraform/install, or OpenTofu with TF=tofu:" \
		"https://opentofu.org/docs/intro/install (there is no program $(TF))" >&2; exit 1; }
