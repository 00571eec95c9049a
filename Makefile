# make setup    a virtual environment with everything
# make report   set up, then the main job: reports of Lorenz' equations and of a measured laser
# make test     set up, then lint, types, import rules and the fast tests
# make test-slow, make bench, make clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.set-up
# `make test EXTRAS=files,dev,torch,transformers` also runs the tests that need PyTorch.
EXTRAS ?= files,dev

.PHONY: setup report test lint tests test-slow bench peers clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	touch $(STAMP)

report: setup
	$(BIN)/cocycle report lorenz63 --out report-out/lorenz63
	$(BIN)/cocycle report "$$($(BIN)/python -c 'import cocycle.data; print(cocycle.data.path("santafe_laser.csv"))')" --out report-out/laser
	@echo "open report-out/lorenz63/report.html and report-out/laser/report.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

tests: setup
	$(BIN)/python -m pytest -n 2 -m "not slow"

test: lint tests

test-slow: setup
	$(BIN)/python -m pytest -n 2 -m "slow"

# The peers' own pins would move ours, so they live in an environment of their own.
.venv-peers/.set-up: pyproject.toml
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -e ".[files,peers]" pytest
	touch .venv-peers/.set-up

peers: .venv-peers/.set-up

bench: peers
	.venv-peers/bin/python -m benchmarks

clean:
	rm -rf .venv .venv-peers .jax_cache report-out
