# `make` lists the targets. Settings are passed to the processes: make demo SHOP_PORT=8010

VENV = .venv
RUN = $(VENV)/bin/python
# The Python for .venv: PYTHON, or else the first of these that is new enough.
PYTHONS = $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

# Settings of the shell that would make Python or pip ignore .venv.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH VIRTUAL_ENV
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
# Without bytecode, each of the many processes of the tests would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

# One worker more than cores, because the tests wait for other processes for a third of their time.
# Browsers are busy all the time.
WORKERS = $$(($$(getconf _NPROCESSORS_ONLN) + 1))
# These run separately: the fault tests measure durations, so they run one after the other, and the
# event loops of Playwright and pytest-asyncio cannot run in one process.
SEPARATE_TESTS = --ignore=tests/e2e --ignore=tests/faults --ignore=tests/benchmarks
UNIT_TESTS = $(RUN) -m pytest $(SEPARATE_TESTS) --numprocesses $(WORKERS)
FAULT_TESTS = $(RUN) -m pytest tests/faults
E2E_TESTS = $(RUN) -m tests.browser && $(RUN) -m pytest tests/e2e --numprocesses auto --dist loadfile
# All tests share one server, and each test has its own database. Tests marked one_database are
# skipped. QUICKLY=1 also skips tests that run real processes.
POSTGRES_TESTS = $(RUN) -m pytest tests/integration/shop tests/contract --numprocesses $(WORKERS)
POSTGRES_PROCESSES = $(RUN) -m tests.browser && $(RUN) -m pytest tests/e2e/test_trace.py; e2e=$$?; \
	$(FAULT_TESTS) -m "not long and not restarts_server" --numprocesses 2 --dist loadfile; faults=$$?; \
	$(FAULT_TESTS) -m restarts_server && exit $$((parts + e2e + faults))

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ready-to-run ## Run shop, worker, subscriber and a private Redis until Ctrl-C
	@exec $(RUN) -m hookshop.demo

.PHONY: test
test: ready-to-test ## Run all tests, including those in a real browser
	@$(RUN) -m tests.stages

.PHONY: test-unit
test-unit: ready-to-test ## Run all tests except e2e, fault and benchmark tests
	@$(UNIT_TESTS)

.PHONY: test-e2e
test-e2e: ready-to-test ## Run only the tests of real processes in a real browser
	@$(E2E_TESTS)

.PHONY: test-faults
test-faults: ready-to-test ## Run the fault tests on real processes, with every Python (about half an hour)
	@$(FAULT_TESTS)

.PHONY: test-postgres
test-postgres: ready-to-develop ## Run the shop's tests on PostgreSQL instead of SQLite
	@$(RUN) -m tests.postgres sh -c '$(POSTGRES_TESTS)$(if $(QUICKLY),,; parts=$$?; $(POSTGRES_PROCESSES))'

.PHONY: migrate
migrate: ready-to-run ## Upgrade the tables of the shop's PostgreSQL to this version
	@$(RUN) -m shop.database.migrations

.PHONY: test-bench
test-bench: ready-to-develop ## Run each benchmark once with tiny numbers
	@$(RUN) -m pytest tests/benchmarks

.PHONY: lint
lint: ready-to-develop ## Check style, formatting and types
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy

.PHONY: bench
bench: ready-to-develop ready-to-bench ## Measure everything, with baselines (ONLY="burst rest" …)
	@$(RUN) -m benchmarks $(ONLY)

.PHONY: profile
profile: ready-to-develop ## Show the processor time of one delivery in the worker, by parts
	@$(RUN) -m benchmarks.delivery_profile

.PHONY: seed
seed: ready-to-develop ## Fill the shop with N=1000000 deliveries (SUBSCRIBER=1: also the inbox)
	@$(RUN) -m benchmarks.seed $(or $(N),1000000) $(if $(SUBSCRIBER),--subscriber) $(if $(FORCE),--force)

.PHONY: screenshots
screenshots: ready-to-develop ## Take the screenshots of the README and the docs again
	@$(RUN) -m tests.browser
	@$(RUN) -m tests.e2e.screenshots

# Keeps the pinned versions unless pyproject.toml requires others; UPGRADE=--upgrade updates all.
COMPILE = $(RUN) -m uv pip compile pyproject.toml $(UPGRADE) --quiet --universal \
	--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

.PHONY: lock
lock: ready-to-develop ## Pin the versions of all dependencies (UPGRADE=--upgrade: the newest)
	@$(COMPILE) --extra dev --output-file requirements-dev.txt
	@$(COMPILE) --constraint requirements-dev.txt --output-file requirements.txt
	@$(subst pyproject.toml,--group bench,$(COMPILE)) --output-file requirements-bench.txt

.PHONY: reset
reset: ## Delete all orders and receipts (removes var)
	@for python in $(RUN) $(PYTHONS); do $$python -c 'import fcntl' 2>/dev/null && break; done; \
	$$python -m hookshop.demo.reset

.PHONY: clean
clean: reset ## Remove everything that was generated, including .venv
	rm -rf $(VENV) $(VENV).lock .venv-bench .venv-bench.lock */node/node_modules examples/*/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis test-results dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: ready-to-run
ready-to-run:
	@$(call install,requirements.txt)

.PHONY: ready-to-develop
ready-to-develop:
	@$(call install,requirements-dev.txt)

# Celery, as a baseline, in a separate environment because of its many dependencies.
.PHONY: ready-to-bench
ready-to-bench: VENV = .venv-bench
ready-to-bench:
	@$(call install,requirements-bench.txt)
	@$(call install_for_node,benchmarks/node)

# For Node: the libraries that the docs name, for the tests of the docs, and Playwright Test.
.PHONY: ready-to-test
ready-to-test: ready-to-develop
	@$(call install_for_node,tests/node)
	@$(call install_for_node,examples/typescript)

# $(call install_for_node,FOLDER) installs packages for Node, if Node is installed. The lock file has
# no URLs: npm downloads the packages from its configured registry and compares their checksums.
define install_for_node
if ! command -v npm >/dev/null; then exit; fi; \
cmp -s $(1)/package-lock.json $(1)/node_modules/installed.json && exit; \
echo 'Setting up $(1)/node_modules ...' >&2; \
npm --prefix $(1) ci --ignore-scripts --no-audit --no-fund --fetch-retries=0 --silent && \
cp $(1)/package-lock.json $(1)/node_modules/installed.json || \
echo 'npm could not install them. What needs them is skipped.' >&2
endef

# $(call install,FILE) installs into .venv what FILE lists, unless it is there. If another make is
# installing, wait for it.
define install
set -e; \
if $(is_current) && cmp -s $(1) $(VENV)/$(1); then exit; fi; \
for python in $(RUN) $(PYTHONS); do $$python -c 'import fcntl' 2>/dev/null && break; done; \
exec $$python hookshop/demo/with_lock.py $(VENV).lock \
	$(MAKE) --no-print-directory install FILE=$(1) VENV=$(VENV)
endef

is_current = [ -f $(VENV)/requirements.txt ] && $(RUN) -c 'import pip' 2>/dev/null

.PHONY: install
install:
	@$(call install_now,$(FILE))

# Copies of the files in .venv record what is installed. They are written last, so that an
# interrupted installation starts again.
define install_now
set -e; found=; \
if $(is_current); then \
	cmp -s $(1) $(VENV)/$(1) && exit; \
	echo 'Bringing $(VENV) up to date ...' >&2; \
else \
	$(find_python); \
	echo 'Setting up $(VENV) (once, about a minute) ...' >&2; \
	$$found -m venv --clear $(VENV); \
fi; \
rm -f $(VENV)/requirements*.txt; \
$(RUN) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r $(1); \
cp requirements.txt $(VENV); \
cp $(1) $(VENV)
endef

define find_python
for python in $(PYTHONS); do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	found=$$python; \
	$$python -c 'import ensurepip, venv' 2>/dev/null && break; \
done; \
[ "$$found" ] || { \
	echo 'Python 3.11 or newer is needed. If you have one: make PYTHON=/path/to/it' >&2; exit 2; }; \
$$found -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "$$found cannot make $(VENV). On Debian and Ubuntu: apt-get install $$found-venv" >&2; exit 2; }
endef
