# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All paths are relative, so that the checkout may lie in any folder.

PYTHON ?= python3
CHECK := .venv/bin/python tests/tools/check.py

.PHONY: help test lint unit sanity integration clean

help: ## say what there is
	@echo "make demo    see it work: a sandbox server, certificates issued and renewed, and again with no change"
	@echo "make test    check everything"
	@echo
	@echo "Parts of make test:"
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1@/' | column -t -s @

test: .venv/ready
	@$(CHECK)

lint: .venv/ready ## style, types, licences, documentation
	@$(CHECK) lint

unit: .venv/ready ## tests without a playbook
	@$(CHECK) unit

sanity: .venv/ready ## ansible-test sanity
	@$(CHECK) sanity

integration: .venv/ready ## playbooks against the sandbox
	@$(CHECK) integration

clean: ## remove what these commands made
	rm -rf .build .demo .tree .venv .mypy_cache .pytest_cache .ruff_cache .ansible tests/output

.venv/ready: requirements-dev.txt tests/unit/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	@echo "==> virtual environment in .venv"
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install -qq -r requirements-dev.txt
	@touch .venv/ready
