# Everything a user or developer does; each line is a thin call of platform/setup.sh and `tradewind admin`.
# Settings go before make: TRADEWIND_PORT=9000 TRADEWIND_HOME=/srv/tradewind make up

PYTHON = .venv/bin/python
TRADEWIND = .venv/bin/tradewind
SHELL = /bin/sh
UV = $(or $(shell command -v uv),.tools/bin/uv)
ARGS =
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH

.PHONY: help up status logs restart down doctor setup setup-dev test test-faults lint lock environment \
        bench-platform bench-store bench-engine
.DEFAULT_GOAL := help

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

up: setup  ## Install what is missing and start; prints the address
	@$(TRADEWIND) admin up $(ARGS)

status:  ## What runs, and where
	@$(TRADEWIND) admin status $(ARGS)

logs:  ## The end of all logs (ARGS="hub -f" follows one)
	@$(TRADEWIND) admin logs $(ARGS)

restart:  ## Renew hub, proxy and services; user servers and runs go on
	@$(TRADEWIND) admin restart $(ARGS)

down:  ## Stop everything; asks when somebody is at work (FORCE=1 does not)
	@FORCE=$(FORCE) $(TRADEWIND) admin down $(ARGS)

doctor:  ## Check the installation and say what to do
	@$(TRADEWIND) admin doctor $(ARGS)

setup:
	@sh platform/setup.sh

setup-dev:
	@sh platform/setup.sh --dev

test: setup-dev  ## All checks and tests that this machine can run
	@$(PYTHON) -m pytest -m "not faults" $(ARGS)

test-faults: setup-dev  ## Long fault injection: kills, restarts, races
	@$(PYTHON) -m pytest -m faults $(ARGS)

lint: setup-dev  ## Style, types, layers
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

lock: setup-dev  ## Resolve requirements*.in into the lock files (ARGS=--upgrade for newer versions)
	@$(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url --no-emit-find-links $(ARGS) requirements.in -o requirements.lock
	@$(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url --no-emit-find-links $(ARGS) requirements-dev.in -o requirements-dev.lock
	@$(PYTHON) platform/environment_yml.py

bench-platform: setup-dev  ## Figures: start, spawn, Lab, runs, dashboards, memory
	@$(PYTHON) bench/platform_figures.py $(ARGS)

bench-store: setup-dev  ## Figures: reading and writing market data
	@$(PYTHON) bench/store.py $(ARGS)

bench-engine: setup-dev  ## Figures: indicators, backtests, sweeps
	@$(PYTHON) bench/engine.py $(ARGS)
