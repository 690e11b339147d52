# Every target does its own set-up first; the second time that takes a fraction of a second.
PYTHON := .venv/bin/python
# Each process of tests starts servers of its own; ARGS="-n 0" runs them in one. They wait for servers a third of the
# time, hence two more than there are processors; in the order of tests/fixtures/order.py.
PARALLEL := --numprocesses $(shell expr $$(nproc) + 2) --maxprocesses 6 --dist loadfile --no-loadscope-reorder
# Files with tests that run on PostgreSQL too: the others need not even be read.
DATABASES = $(shell grep -rlE 'mark\.databases' tests --include='*.py')
# What tests start compiles nothing twice, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up test soak lint fmt docs bench chaos fuzz hostile matrix mutation clean

help: ## this list
	@grep -hE '^[a-z.]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

setup: ## virtual environment, Python packages, Debian packages
	@./deploy/setup.sh

demo: setup ## start everything, show each tier going stale, purged, fresh; stop everything
	@$(PYTHON) -m deploy.local.demo $(ARGS)

up: setup ## the same stack in the foreground; ctrl-C stops it
	@$(PYTHON) -m deploy.local.up $(ARGS)

test: setup ## the whole suite on real servers
ifdef ARGS
	@$(PYTHON) -m pytest -m "not chaos" $(PARALLEL) $(ARGS)
else
	@$(PYTHON) -m pytest -m "not chaos" $(PARALLEL)
	@$(PYTHON) -m deploy.local.with_database postgresql $(PYTHON) -m pytest -m databases $(PARALLEL) $(DATABASES)
endif

soak: setup ## the whole suite ten times, and every test that ever failed; ARGS="--times 3 --busy"
	@$(PYTHON) -m tests.benchmarks.soak $(ARGS)

lint: setup ## ruff, mypy, import-linter
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

fmt: setup ## format, and mend what can be mended by machine
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

docs: setup .venv-docs/bin/mkdocs ## the documentation as a site, into site/; ARGS=serve shows it while pages are written
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs $(or $(ARGS),build --strict --quiet)

.venv-docs/bin/mkdocs: requirements-docs.txt
	@.venv/bin/uv venv --quiet --clear --python $(PYTHON) .venv-docs
	@.venv/bin/uv pip install --quiet --python .venv-docs --require-hashes --requirements requirements-docs.txt
	@touch $@

bench: setup ## benchmarks, into docs/benchmarks.md; ARGS="B4" for one part, ARGS=growth for what grows
ifdef ARGS
	@$(PYTHON) -m tests.benchmarks $(ARGS)
else
	@$(PYTHON) -m tests.benchmarks --write docs/benchmarks.md
endif

chaos: setup ## the long fault injection, ten minutes with each of two seeds; writes its report
	@for seed in 1 2; do \
		$(PYTHON) -m tests.chaos --seconds 600 --seed $$seed --report docs/explanation/chaos-report.md $(ARGS) || exit 1; \
	done
	@$(PYTHON) -m pytest -m chaos

fuzz: setup ## more than 100,000 made-up inputs for whatever reads outside data
	@FUZZ_EXAMPLES=10000 $(PYTHON) -m pytest tests/chaos/fuzz --timeout 0 $(PARALLEL) $(ARGS)

hostile: setup ## an hour of hostile visitors; memory, tables and the calls of an edit against their bounds
	@$(PYTHON) -m tests.chaos.hostile --seconds 3600 $(ARGS)

matrix: setup ## other versions of Python, Django, Celery, redis-py and databases; into docs/reference/versions.md
	@$(PYTHON) -m nox $(ARGS)

mutation: setup .venv-mutation/bin/mutmut ## small faults in the code, at each of which a test must fail; ARGS="invalidation/targets"
	@.venv-mutation/bin/python -m tests.benchmarks.mutation $(ARGS)

# It sees what .venv holds, whose packages the tests need.
.venv-mutation/bin/mutmut: requirements-mutation.txt
	@.venv/bin/uv venv --quiet --clear --python $(PYTHON) .venv-mutation
	@.venv/bin/uv pip install --quiet --python .venv-mutation --require-hashes --requirements requirements-mutation.txt
	@$(PYTHON) -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		>$$(.venv-mutation/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/project.pth
	@touch $@

requirements.txt: pyproject.toml ## pin anew, with hashes (existing pins stay unless pyproject.toml moves them)
	@.venv/bin/uv pip compile pyproject.toml --all-extras --group site --group test --group dev --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements.txt" \
		--quiet --output-file requirements.txt

requirements-docs.txt: pyproject.toml requirements.txt ## the same for the site's tools, with the same pins where both need one
	@.venv/bin/uv pip compile --group docs --constraints requirements.txt --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements-docs.txt" \
		--quiet --output-file requirements-docs.txt

requirements-mutation.txt: pyproject.toml requirements.txt ## the same for mutation testing
	@.venv/bin/uv pip compile --group mutation --constraints requirements.txt --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements-mutation.txt" \
		--quiet --output-file requirements-mutation.txt

clean: ## remove the virtual environment, caches and local state
	@rm -rf .venv .venv-docs .venv-mutation site .state .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist staticfiles
