# Everything these targets make stays inside the checkout; `make clean` removes it.
# Needed on the machine: python3, git, make. uv is fetched and verified by scripts/bootstrap.py.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo demo-release test test-services contract check bench images clean uv sync-check \
	check-format check-lint check-types check-imports check-imports-proof check-repeatable check-lock check-calendars \
	check-docs check-infra

UV := .tools/uv
BIN := .venv/bin
SYNC := $(UV) sync --frozen --inexact --no-default-groups

TERRAFORM_COPY := .cache/terraform
VALIDATE = rm -rf $(TERRAFORM_COPY) && mkdir -p $(TERRAFORM_COPY) && cp -R deploy infra $(TERRAFORM_COPY) && \
	cd $(TERRAFORM_COPY)/infra/terraform/gcp && \
	terraform init -backend=false -input=false -plugin-dir="$(abspath $(TERRAFORM_PLUGINS))" && terraform validate

export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export UV_PYTHON_INSTALL_DIR := $(CURDIR)/.tools/python
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/.cache/pyright
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

# --- what to run -------------------------------------------------------------------------------

help: ## show the targets
	@echo "usage: make <target>"
	@echo
	@sed -n "s/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p" Makefile | expand -t 18

setup: uv ## install everything for work on the code into .venv
	$(UV) sync --frozen

demo: uv ## run the demo; PRICES=file.parquet takes your own prices
	$(SYNC)
	$(BIN)/quant demo $(if $(PRICES),--prices "$(PRICES)")

demo-release: uv ## release a bundle for real, on a copy of this repository and to an origin in a temporary folder
	$(SYNC) --group release
	PATH="$(CURDIR)/.tools:$$PATH" $(BIN)/release demo

test: uv ## run the tests that need no servers; PYTEST_ADDOPTS is honoured
	$(SYNC) --group test
	$(BIN)/pytest -m "not services" -n auto --dist loadfile --no-loadscope-reorder

test-services: uv ## run the tests that need servers, against private ones; AREA=brokers,stores takes some of them
	$(SYNC) --group test
	@$(BIN)/python scripts/test_services.py $(if $(AREA),--area "$(AREA)")

contract: uv ## run the broker contract on every broker and client library; writes its page
	$(SYNC) --group test
	$(BIN)/python scripts/broker_contract.py

check: check-format check-lint check-types check-imports check-imports-proof check-repeatable check-lock check-calendars check-docs check-infra ## format, lint, types, imports, chance and clocks, lock, generated files, infra
	@echo "all checks passed"

bench: uv ## run the benchmarks
	$(SYNC) --group test --group bench
	$(BIN)/python -m bench

images: uv ## build, start and push the image of every app, without a daemon; needs root, see docs/runbooks/images.md
	$(SYNC) --group test
	PATH="$(CURDIR)/.tools:$$PATH" $(BIN)/python scripts/build_images.py

clean: ## remove all that these targets made
	rm -rf .venv .cache .tools .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the steps of check, one by one ------------------------------------------------------------

check-format: sync-check
	@echo "== format"
	$(BIN)/ruff format --check

check-lint: sync-check
	@echo "== lint"
	$(BIN)/ruff check

check-types: sync-check
	@echo "== types"
	$(BIN)/pyright

check-imports: sync-check
	@echo "== imports"
	$(BIN)/python scripts/import_contracts.py

check-imports-proof: sync-check
	@echo "== imports: every rule can be broken"
	$(BIN)/python scripts/import_contracts.py --prove

check-repeatable: sync-check
	@echo "== clocks, chance, threads and set order outside ports and adapters"
	$(BIN)/python scripts/repeatable.py --prove
	$(BIN)/python scripts/repeatable.py

check-lock: uv
	@echo "== lock"
	$(UV) lock --check

check-calendars: sync-check
	@echo "== calendar tables"
	$(BIN)/python scripts/generate_calendars.py --check

check-docs: sync-check
	@echo "== generated documents, and the site"
	@! git grep --line-number -E "^(<{7}|>{7}) "
	$(BIN)/python scripts/generate_reference.py --check
	$(BIN)/python scripts/generate_dockerfiles.py --check
	$(BIN)/python scripts/generate_playbook_alerts.py --check
	$(BIN)/python scripts/generate_alerts.py --check
	$(BIN)/python scripts/generate_changelog.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Terraform is no part of a fresh machine. TERRAFORM_PLUGINS is a folder with the provider, as `init -plugin-dir` takes it.
check-infra: sync-check
	@echo "== infra"
	$(BIN)/python scripts/generate_image_pins.py --check
	$(BIN)/python scripts/render_kubernetes.py --check
	$(BIN)/python scripts/check_infra.py
	@if ! command -v terraform >/dev/null; then echo "not checked: terraform is not installed"; else \
		terraform fmt -check -recursive infra && $(if $(TERRAFORM_PLUGINS),$(VALIDATE),\
		echo "not validated: TERRAFORM_PLUGINS names no folder with the provider"); fi

# --- tools -------------------------------------------------------------------------------------

uv:
	@python3 scripts/bootstrap.py

sync-check: uv
	@$(SYNC) --group test --group check
