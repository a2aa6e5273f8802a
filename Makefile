# Every verb sets itself up: a checkout, Python 3.11+ with headers and venv, a C
# compiler and make are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
PACKAGES := chainkit ibc light_clients htlc relay_chain parachains relayer isthmus demos
CORES := $(shell nproc 2>/dev/null || echo 2)
SEEDS ?= 10000
MINUTES ?= 60
SECONDS ?= 3

.PHONY: help demo test lint type docs e2e clients interop sim soak fuzz bench mutants proto ci format clean \
	integrity-long integrity-mutants bench-sigverify sigverify-long sanitize fuzz-sigverify compilers

help: ## list the verbs
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(STAMP): pyproject.toml setup.py $(wildcard chainkit/*/*.pyx chainkit/*/*/*.pyx chainkit/*/*.pxi chainkit/*/*.h)
	@echo "setting up $(VENV) (python environment, packages, compiled modules): a minute or two"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Isthmus needs Python 3.11 or newer; set PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@

demo: $(STAMP) ## a token crosses two hops by proof and comes home (a minute)
	$(BIN)/isthmus demo transfer

test: $(STAMP) ## unit, vectors, properties, 200 simulated seeds (< 10 minutes)
	$(PYTEST) -n $(CORES) --dist loadgroup -m "not slow" tests

lint: $(STAMP) ## ruff, formatting, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(STAMP) ## mypy --strict
	$(BIN)/mypy

docs: $(STAMP) ## links, command examples and log events named in the documents exist
	$(PYTEST) tests/house

e2e: $(STAMP) ## real processes and long tests, one after another (half an hour)
	$(PYTEST) -v --durations=10 -m "e2e or slow" --ignore=tests/clients --ignore=tests/interop tests

clients: $(STAMP) ## foreign clients and a foreign relayer against our endpoints
	$(PYTEST) -v tests/clients

interop: $(STAMP) ## real CometBFT, Hermes, clients, brokers found on PATH; INTEROP=1: what is absent fails
	$(PYTEST) -v tests/interop tests/clients tests/e2e/test_brokers.py

sim: $(STAMP) ## the simulator over SEEDS seeds
	$(BIN)/python -m relay_chain.simulator --seeds $(SEEDS)
	$(BIN)/python -m relay_chain.simulator --forks $(SEEDS)
	$(BIN)/python -m parachains.account.simulation --seeds $(SEEDS)

integrity-long: $(STAMP) ## 20,000 steps of random nets of chains against the judge of integrity levels
	INTEGRITY_EXAMPLES=600 INTEGRITY_STEPS=50 INTEGRITY_LEAST_STEPS=20000 INTEGRITY_PROGRESS=1 \
		$(PYTEST) -s --timeout 7200 tests/property/test_integrity_flows.py

integrity-mutants: $(STAMP) ## take out each rule of integrity levels; the random nets must notice
	$(BIN)/python -m tests.mutants flows:

soak: $(STAMP) ## a transfer every second for MINUTES; memory must not grow
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

bench: $(STAMP) ## every measurement; writes docs/measurements/benchmarks.md
	$(BIN)/python -m benchmarks --document docs/measurements/benchmarks.md

fuzz: $(STAMP) ## broken bytes for every decoder, SECONDS for each
	$(BIN)/python -m fuzz --seconds $(SECONDS)

bench-sigverify: $(STAMP) ## ed25519 beside PyNaCl and cryptography, one core; JSON in build/
	@mkdir -p build
	$(BIN)/python -m benchmarks.sigverify --json build/bench-sigverify.json

sigverify-long: $(STAMP) ## 100,000 crafted signatures, and every bit of a batch of 100 flipped
	$(BIN)/python -m tests.sigverify_long

sanitize: $(STAMP) ## the tests of the C code under AddressSanitizer and UndefinedBehaviorSanitizer
	$(BIN)/python tools/sanitize.py

compilers: $(STAMP) ## gcc, clang, compilers without AVX-512 or AVX2, and none: what is built, and its tests
	$(BIN)/python tools/compilers.py

fuzz-sigverify: $(STAMP) ## the ed25519 engines under libFuzzer and the sanitizers for 10 minutes; needs clang
	$(BIN)/python tools/fuzz_sigverify.py --minutes 10

mutants: $(STAMP) ## remove each defence; a test must notice
	$(BIN)/python -m tests.mutants

proto: $(STAMP) ## compile the .proto sources again
	$(BIN)/python tools/compile_protos.py

format: $(STAMP) ## format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ci: ## what the README tells a user to run, then all else that must hold on every commit
	$(MAKE) demo
	$(MAKE) test
	$(MAKE) lint
	$(MAKE) type
	$(MAKE) docs
	$(MAKE) e2e
	$(MAKE) clients

clean: ## remove what was built
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name '*.so' -path './chainkit/*' -delete
