# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All paths are relative, so that the checkout may lie in any folder.

PYTHON ?= python3
CHECK := .venv/bin/python tests/tools/check.py

.PHONY: help demo test quick format lint unit robustness browser cas sanity package integration matrix soak mutation benchmark release-files clean

help:
	@echo "make demo         run the demo: issue and renew certificates, then run it again without a change"
	@echo "make test         run all checks"
	@echo
	@echo "make quick        style, types, and the unit tests that start no process; for use after each change"
	@echo "make format       format the code and the documentation"
	@echo
	@echo "make lint         part of make test: style, types, licences, documentation"
	@echo "make unit         part of make test: the tests that need no playbook"
	@echo "make robustness   part of make test: kill, pause and disconnect the modules and playbooks"
	@echo "make browser      part of make test: sign in with a real browser, if chromium is installed"
	@echo "make cas          part of make test: have real CAs sign, those that are installed"
	@echo "make sanity       part of make test: ansible-test sanity"
	@echo "make package      part of make test: build the artifact, check it with Galaxy's importer, and tamper with it"
	@echo "make integration  part of make test: playbooks against the sandbox"
	@echo "make matrix       unit, sanity and integration with each ansible-core and Python (CORES=2.16: only this one), PostgreSQL"
	@echo "make soak         long form of robustness: 500 kills (CERTIFICATE_ENROLL_KILLS=500) of jobs and of slices, 100,000 hostile answers"
	@echo "make mutation     change the code, and list the changes that no test notices (FILES='PATH ...': only these)"
	@echo "make benchmark    compare the speed with an empty playbook and with a bare program (SIZE=small: in minutes)"
	@echo "make release-files  write the artifact of the last commit, its bills of materials and hashes into .build/release (KEY=... signs)"
	@echo "make clean        remove all files that these commands made"

demo: .venv/demo
	@.venv/bin/python tests/tools/demo.py

test: .venv/ready
	@$(CHECK)

quick: .venv/ready
	@$(CHECK) quick

format: .venv/ready
	@.venv/bin/python -m ruff check --no-cache --quiet --fix --exit-zero
	@.venv/bin/python -m ruff format --no-cache --quiet
	@.venv/bin/python tests/tools/wrap.py

lint: .venv/ready
	@$(CHECK) lint

unit: .venv/ready
	@$(CHECK) unit

robustness: .venv/ready
	@$(CHECK) robustness

browser: .venv/ready
	@$(CHECK) browser

cas: .venv/ready
	@$(CHECK) cas

sanity: .venv/ready
	@$(CHECK) sanity

package: .venv/ready
	@$(CHECK) package

integration: .venv/ready
	@$(CHECK) integration

matrix: .venv/ready
	@.venv/bin/python tests/tools/matrix.py $(CORES)

soak: .venv/ready
	@$(CHECK) soak

mutation: .venv/mutation
	@.venv/bin/python tests/tools/mutation.py $(FILES)

benchmark: .venv/ready
	@.venv/bin/python tests/benchmark/benchmark.py $(if $(SIZE),--size $(SIZE)) $(if $(TIMES),--times $(TIMES)) $(MEASURES)

release-files: .venv/ready
	@.venv/bin/python tests/tools/release.py $(if $(KEY),--key "$(KEY)")

clean:
	rm -rf .build .demo .tree .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache .ansible tests/output

.venv/demo: requirements-demo.txt tests/integration/requirements.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	@echo "==> virtual environment in .venv"
	@rm -rf .venv
	@"$(PYTHON)" -m venv .venv
	@.venv/bin/python -m pip install -qq -r requirements-demo.txt
	@touch .venv/demo

.venv/ready: .venv/demo requirements-dev.txt tests/unit/requirements.txt
	@echo "==> tools in .venv"
	@.venv/bin/python -m pip install -qq -r requirements-dev.txt
	@touch .venv/ready

.venv/mutation: .venv/ready requirements-mutation.txt
	@.venv/bin/python -m pip install -qq -r requirements-mutation.txt
	@touch .venv/mutation
