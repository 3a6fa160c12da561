# Everything runs in .venv, which is made on first use and brought up to date after the files of
# requirements in tools have changed: LOCAL has what the local cloud needs, INSTALLED all of it.

PYTHON := .venv/bin/python
INSTALLED := .venv/installed
LOCAL := .venv/installed-local
SOURCES := lambda tools tests
ARCH ?= arm64
# TF=tofu has OpenTofu run instead of Terraform, everywhere.
TF ?= terraform
export TF
# More processes than cores, as tests on the local cloud mostly wait; tests/conftest.py spreads them.
PROCESSES ?= 4
PYTEST = $(PYTHON) -m pytest --numprocesses $(PROCESSES)
CHECKOV := 3.3.30
PIP_AUDIT := 2.10.1
ADVISORIES := https://pypi.org/pypi/pip/25.0/json
COMPILE := .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make lock"

# A command reads its options from here, where they are as they were given: with spaces, quotes and
# dollars. tools/command_line.py has the other end.
define GIVEN_TO_MAKE
$(foreach name,SETTINGS PHOTO PHOTOS QUEUE WORKFLOW FUNCTION REASON DRY_RUN PREFIX MANIFEST DEPLOYMENT YES STOP GONE KEY SINCE FOLLOW,$(name)=$(value $(name))
)
endef
export GIVEN_TO_MAKE

.PHONY: help demo up down doctor deploy destroy logs status validate-aws redrive backfill prune pictures bench bench-memory fuzz histories protocol soak audit test suite check lint format build lock clean terraform

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: terraform $(LOCAL) ## Show sample photographs, or PHOTO=file or folder, before and after
	@$(PYTHON) tools demo

up: terraform $(LOCAL) ## Run a local cloud with terraform.tfvars, or with SETTINGS=file
	@$(PYTHON) tools up

down: $(LOCAL) ## Stop what "make up" left running
	@$(PYTHON) tools down

doctor: terraform $(LOCAL) ## Tell what would keep a deployment to AWS from working, and how to fix it
	@$(PYTHON) tools doctor

deploy: terraform $(LOCAL) ## Deploy to AWS: doctor, plan, question, apply, test upload (YES=1)
	@$(PYTHON) tools deploy

destroy: terraform $(LOCAL) ## Show what a deployment on AWS holds, ask, and destroy it (YES=1)
	@$(PYTHON) tools destroy

status: terraform $(LOCAL) ## Tell the whole story of one upload, KEY=photo.jpg
	@$(PYTHON) tools status

logs: terraform $(LOCAL) ## Show what the function has logged (SINCE=1h FOLLOW=1)
	@$(PYTHON) tools logs

validate-aws: terraform $(LOCAL) ## Have AWS check state machines, policies and quotas, for free and without resources
	@$(PYTHON) tools validate-aws

test: lint suite ## Run every check and every test, in PROCESSES (4)

# Without MAKEFLAGS: what the tests make by themselves is none of this make's jobs.
suite: $(INSTALLED) terraform
	MAKEFLAGS= $(PYTEST) --maxfail=10 $(PYTEST_OPTIONS) tests

check: lint ## Run what needs no cloud: style, types, unit tests, terraform test
	$(PYTEST) $(PYTEST_OPTIONS) tests/unit tests/terraform

histories: $(INSTALLED) ## Check the promise on HISTORIES random histories of each kind (4,000)
	@HISTORIES=$${HISTORIES:-4000} $(PYTHON) -m pytest tests/aws/test_promise.py

protocol: $(INSTALLED) ## Try the protocol in long histories, every interleaving
	@$(PYTHON) -m tests.unit.protocol

soak: $(INSTALLED) terraform ## Upload 5,000 pictures (UPLOADS=…) amid faults, and lose none
	@UPLOADS=$${UPLOADS:-5000} $(PYTHON) -m pytest tests/e2e/test_load.py

# Each in an environment of its own: checkov insists on an older boto3.
audit: $(INSTALLED) terraform ## Look for unsafe settings (checkov), bad state machines, known holes in packages, and old native libraries
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

prune: $(INSTALLED) terraform ## Delete images that no variant makes any more (PREFIX=… GONE=1 DRY_RUN=1)
	@$(PYTHON) tools prune

pictures: $(INSTALLED) demo ## Draw the pictures of the README
	@$(PYTHON) tools gallery
	@$(PYTHON) -m tests.monitoring.picture
	@$(PYTHON) -m pytest --quiet tests/e2e/test_upload_page.py
	@cp build/demo/before-after.jpg build/screenshots/upload-page-*.webp tools/pictures/

bench: $(INSTALLED) ## Time the engine beside its peers (PHOTOS=folder for pictures of yours)
	@$(PYTHON) tools bench

bench-memory: $(INSTALLED) ## Measure starts and uploads by memory, and write the tables of docs/costs.md
	@$(PYTHON) tools bench-memory

fuzz: $(INSTALLED) ## Send COUNT damaged files (10,000) and 7,000 bombs through the sandbox
	@PYTHONPATH=lambda:. $(PYTHON) -m tests.unit.imaging.fuzz --bombs --count $${COUNT:-10000}

lint: $(INSTALLED) terraform ## Check style, types and the CI workflow, and change nothing
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy $(SOURCES)
	$(TF) fmt -check -diff -recursive
	.venv/bin/jactionlint --shellcheck=

format: $(INSTALLED) terraform ## Put the sources into their format
	.venv/bin/ruff check --select I --fix
	.venv/bin/ruff format
	$(TF) fmt -recursive

build: $(INSTALLED) ## Make the function's package for ARCH=arm64 or x86_64
	@$(PYTHON) tools package --architecture $(ARCH) --output build/package-$(ARCH).zip

lock: $(INSTALLED) ## Pin what pyproject.toml asks for (UPGRADE=--upgrade for newer versions)
	$(COMPILE) $(UPGRADE) --group dev --output-file tools/requirements.txt
	$(COMPILE) --constraint tools/requirements.txt --group local --output-file tools/requirements-local.txt
	$(COMPILE) --constraint tools/requirements.txt --output-file lambda/requirements.txt

clean: ## Remove what was made here, but .venv
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
