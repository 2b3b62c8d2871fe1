# make test   everything that CI runs        make demo   a site with a real FTP server, in under a minute
# make soak   the long forms of the load and kill tests        make bench   the benchmark beside its baselines
# make coverage   the tests once more, with the lines that no test reaches: it takes nearly twice as long
# make lock   a new requirements.lock from setup.cfg           make format  ruff's fixes and formatting

PYTHON ?= python3
TEST_PROCESSES ?= 3
VENV := .venv
BIN := $(VENV)/bin
CHOSEN := -m "not soak" -n $(TEST_PROCESSES) --dist worksteal
READY := $(VENV)/.ready

.PHONY: test coverage demo soak bench lock format clean

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 gateway
	$(BIN)/python -m pytest $(CHOSEN)

coverage: $(READY)
	$(BIN)/python -m pytest $(CHOSEN) --cov --cov-report=
	@$(BIN)/coverage report

demo: $(READY)
	$(BIN)/python samples/demo.py

soak: $(READY)
	$(BIN)/python -m pytest -m soak -o timeout=3600 -s

bench: $(READY)
	$(BIN)/python -m benchmarks.run

lock: $(READY)
	$(BIN)/uv pip compile -q setup.cfg --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-header --annotation-style line -o requirements.lock

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*

# The environment is made once, and again when the lock file or the packaging changes.
$(READY): requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "The gateway needs Python 3.11 or newer; name it with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "This Python lacks its venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
