# Gen3D. `make` alone says what there is to do.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j2
endif
.DEFAULT_GOAL := help

PYTHON ?= python3.11
STAGE ?= dev

RUN := .venv/bin
LINT := .venv-lint/bin
MODELS := .venv-models/bin
SAM3 := .venv-sam3/bin
PACKAGES := client container events local services/embedding services/inference services/meshing \
            services/notification services/reconstruction services/upload
CHECKED := client container events local services tests benchmarks
SAM := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(LINT)/sam
CONFIG := $(if $(filter dev,$(STAGE)),default,$(STAGE))
NPM := npm --prefix frontend
PAGE := $(shell find frontend/src frontend/public -type f) $(wildcard frontend/*.ts frontend/*.json) frontend/index.html \
        events/events.ts local/gen3d_local/demo_scene/photo.jpg

# --- on this machine ----------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.ready ## One photo through the whole system on this machine; files in out/demo/
	@$(RUN)/gen3d doctor --mend
	@$(RUN)/python -m gen3d_local.demo

.PHONY: up
up: .venv/.loads frontend/dist/index.html ## Start the local cloud on http://127.0.0.1:8000 and keep it running
	@$(RUN)/gen3d up

.PHONY: down
down: .venv/.ready ## Stop the local cloud
	@$(RUN)/gen3d down

# --- work ------------------------------------------------------------------------------------------------

SUITES := unit flow fault page browser

.PHONY: test
test: .venv/.loads .venv-lint/.ready frontend/dist/index.html ## Run every test: unit, contract, wiring, flow, fault, browser
	@failed=; \
	for suites in test-unit "test-flow test-fault" test-page test-browser; do \
	    $(MAKE) --keep-going $$suites || failed=yes; \
	done; \
	[[ -z $$failed ]]

# In each of its processes: no plugin but these, for those that come with other packages take 3 s to load.
test-unit:    export PYTEST_DISABLE_PLUGIN_AUTOLOAD := 1
test-unit:    export PYTEST_PLUGINS := xdist.plugin,pytest_timeout,_hypothesis_pytestplugin
# Wiring, which has the longest file, first; a file with few tests is not put off till last.
test-unit:    SUITE := $(RUN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
                       tests/wiring tests/unit tests/contract
test-flow:    SUITE := $(RUN)/pytest tests/flow
test-fault:   SUITE := $(RUN)/pytest tests/fault
test-page:    SUITE := $(NPM) test
test-browser: SUITE := $(NPM) run test:browser

.PHONY: $(SUITES:%=test-%)
$(SUITES:%=test-%): .venv/.loads .venv-lint/.ready frontend/dist/index.html
	@echo "── $(@:test-%=%) tests ..."; $(SUITE) || { echo "── $(@:test-%=%) tests: FAILED"; exit 1; }
	@echo "── $(@:test-%=%) tests: passed"

.PHONY: test-models
test-models: .venv-models/.ready .venv/.ready ## Run SAM 3's tests on random weights (FULL=1: photos of 1008 px)
	@$(MAKE) --keep-going test-models-alone test-models-laptop

.PHONY: test-models-alone test-models-laptop
test-models-alone:
	@$(MODELS)/pytest --confcutdir tests/models --timeout 1800 tests/models
test-models-laptop:
	@GEN3D_SAM3_PYTHON=$(MODELS)/python $(RUN)/pytest --noconftest --timeout 900 tests/models/test_laptop.py

.PHONY: test-sam3
test-sam3: .venv-sam3/.ready ## Run the tests that hold SAM 3 against Meta's own package
	@$(SAM3)/python -m pytest -p tests.models.operators --confcutdir tests/models --timeout 1800 tests/models/test_parity.py tests/models/test_words.py tests/models/test_words_parity.py

LONGER := tests/unit/upload/test_rows.py tests/unit/inference/test_relief.py \
          $(addprefix tests/unit/meshing/test_, damaged_splats.py shapes.py texture.py)

.PHONY: soak
soak: .venv/.loads ## Run the longer forms of the fault tests, and of some units'
	@GEN3D_SOAK=1 $(RUN)/pytest --timeout 3600 tests/fault $(LONGER)

JUDGES := format rules types imports events vectors openapi template sam images page-types page-format

.PHONY: lint
lint: .venv/.ready .venv-lint/.ready frontend/node_modules/.ready ## Run every linter, type check and drift check
	@$(MAKE) --keep-going --output-sync $(JUDGES:%=lint-%)

lint-format:   JUDGE := $(LINT)/ruff format --check --diff $(CHECKED)
lint-rules:    JUDGE := $(LINT)/ruff check --output-format concise $(CHECKED)
lint-types:    JUDGE := $(LINT)/mypy --python-executable $(RUN)/python $(CHECKED)
lint-imports:  JUDGE := PYTHONPATH=$(subst $() ,:,$(PACKAGES)) $(LINT)/lint-imports --no-cache
lint-events:   JUDGE := $(RUN)/python -m gen3d_events.generate --check
lint-vectors:  JUDGE := $(RUN)/python -m gen3d.mask_vectors --check
lint-openapi:  JUDGE := $(RUN)/python -m gen3d_local.openapi --check
lint-template: JUDGE := $(LINT)/cfn-lint template.yaml
lint-sam:      JUDGE := $(SAM) validate --lint
lint-images:   JUDGE := $(LINT)/hadolint container/Dockerfile container/Dockerfile.cpu services/meshing/Dockerfile
lint-page-types:  JUDGE := $(NPM) run types
lint-page-format: JUDGE := $(NPM) run format:check

.PHONY: $(JUDGES:%=lint-%)
$(JUDGES:%=lint-%):
	@if said=$$($(JUDGE) 2>&1); then echo "ok      $(@:lint-%=%)"; \
	else echo "FAILED  $(@:lint-%=%)"; echo "$$said"; exit 1; fi

.PHONY: format
format: .venv-lint/.ready frontend/node_modules/.ready ## Rewrite the sources in the project's style
	@$(LINT)/ruff format --quiet $(CHECKED) && $(LINT)/ruff check --fix --quiet $(CHECKED)
	@$(NPM) run --silent format

.PHONY: bench
bench: .venv/.loads .venv/.bench frontend/dist/index.html ## Measure clicks, the weight-free engines, the splats' reader and writer, meshing, the pipeline and the page; numbers in out/bench/
	@$(RUN)/python -m benchmarks.clicks
	@$(RUN)/python -m benchmarks.relief
	@$(RUN)/python -m benchmarks.splat_reader
	@$(RUN)/python -m benchmarks.splat_writer
	@$(RUN)/python -m benchmarks.meshing
	@$(RUN)/python -m benchmarks.pipeline
	@$(NPM) run --silent bench
	@node benchmarks/web/sizes.mjs

SAM_SHAPED := out/bench/sam-shaped

.PHONY: bench-models
bench-models: .venv-models/.ready .venv/.ready frontend/node_modules/.ready ## Measure SAM 3's clicks: natively, in wasm, and in the page
	@PYTHONPATH=container:events $(MODELS)/python -m gen3d_inference.export_decoder --random-weights --out $(SAM_SHAPED)
	@PYTHONPATH=container:events:. $(MODELS)/python -m benchmarks.decoder --decoder $(SAM_SHAPED)
	@SAM_SHAPED=$(SAM_SHAPED) $(NPM) run --silent bench -- select

# --- in an AWS account (STAGE=dev|staging|prod) -----------------------------------------------------

.PHONY: build
build: .venv-lint/.ready ## Build the functions, the layer and the meshing image (needs Docker)
	@$(SAM) build --config-env $(CONFIG)

.PHONY: deploy
deploy: build .venv/.ready frontend/dist/index.html ## Deploy the stack of STAGE and its site
	@$(SAM) deploy --config-env $(CONFIG)
	@AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(RUN)/python -m gen3d_local.publish gen3d-$(STAGE)

.PHONY: destroy
destroy: .venv-lint/.ready ## Delete the stack of STAGE; asks first
	@$(SAM) delete --config-env $(CONFIG) --stack-name gen3d-$(STAGE)

# --- environments --------------------------------------------------------------------------------------

.venv/.ready: .venv/.locked pyproject.toml
	@$(RUN)/pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

# What pip cannot install: as root (a container, CI) it is installed, otherwise the line to run is printed.
.venv/.loads: .venv/.ready
	@$(RUN)/gen3d doctor --mend
	@touch $@

.venv/.locked: requirements/dev.txt
	@$(call environment,.venv,$<)

.venv/.bench: .venv/.ready requirements/bench.txt
	@$(RUN)/pip install -qq --no-compile --no-deps --require-hashes --requirement requirements/bench.txt
	@touch $@

.venv-lint/.ready: requirements/lint.txt
	@$(call environment,.venv-lint,$<)

# TORCH_INDEX: address of a package index with PyTorch's builds; empty: wherever pip is told to look.
.venv-models/.ready: .venv-models/.locked requirements/torch.txt
	@echo "Installing PyTorch: 0.2 GB to download as a CPU build, some 3 GB with CUDA, from $(or $(TORCH_INDEX),pip's own sources; TORCH_INDEX=URL names another index) ..."
	@$(MODELS)/pip install -qq --no-compile $(TORCH_INDEX:%=--index-url %) --requirement requirements/torch.txt
	@touch $@

.venv-models/.locked: requirements/models.txt
	@$(call environment,.venv-models,$<)

# In one command: pip must not replace PyTorch for torchvision's sake.
.venv-sam3/.ready: .venv-sam3/.locked requirements/torch.txt requirements/torchvision.txt
	@echo "Installing PyTorch and torchvision: 0.2 GB to download as CPU builds, some 3 GB with CUDA, from $(or $(TORCH_INDEX),pip's own sources; TORCH_INDEX=URL names another index) ..."
	@$(SAM3)/pip install -qq --no-compile $(TORCH_INDEX:%=--index-url %) --requirement requirements/torch.txt --requirement requirements/torchvision.txt
	@touch $@

.venv-sam3/.locked: requirements/sam3.txt
	@echo "SAM 3 in Meta's package: some 0.4 GB to download, half of it triton, and then PyTorch; 2 GB installed in all."
	@$(call environment,.venv-sam3,$<)

frontend/node_modules/.ready: frontend/package.json frontend/package-lock.json frontend/.npmrc
	@command -v npm >/dev/null || { echo "The web app needs Node 20.19 or newer with npm: https://nodejs.org"; exit 1; }
	@echo "Installing frontend/package-lock.json into frontend/node_modules ..."
	@$(NPM) ci --silent
	@touch $@

frontend/dist/index.html: frontend/node_modules/.ready $(PAGE)
	@echo "Building the web app ..."
	@GEN3D_RELEASE=$$(git describe --always --dirty 2>/dev/null || echo unreleased) $(NPM) run --silent build -- --logLevel warn

define environment
	command -v $(PYTHON) >/dev/null || { echo "Gen3D needs Python 3.11: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }; \
	echo "Installing $(2) into $(1) ..."; \
	$(PYTHON) -m venv $(1); \
	$(1)/bin/pip install -qq --no-compile --no-deps --require-hashes --requirement $(2); \
	touch $@
endef

.PHONY: clean
clean: ## Remove environments, build outputs and caches; your local sessions stay
	@rm -rf .venv .venv-lint .venv-models .venv-sam3 .aws-sam out .gen3d/demo .gen3d/bench .gen3d/browser build *.egg-info
	@rm -rf frontend/node_modules frontend/dist frontend/test-results
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Say what there is to do
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | \
	  while IFS=$$'\t' read -r target what; do printf '  make %-14s%s\n' "$$target" "$$what"; done
