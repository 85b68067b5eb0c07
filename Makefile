# `make` alone lists the targets. Each one sets up .venv first, which does nothing when it is up to date.
.DEFAULT_GOAL := help
.PHONY: help setup up test check format docs pictures sim model crash rolling interruptions overload bench

BIN := .venv/bin
BENCHES := ratio postgres contention size profiles isolation retention records console
PATHS := src tests scripts examples $(wildcard bench)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv with the pinned requirements
	@scripts/setup.sh

up: setup ## Run Ringback here: server, data in ./data, and a receiver to watch
	@$(BIN)/ringback up

test: setup ## Run all tests (a few minutes)
	@scripts/debian-tools.sh 'The tests' node=nodejs npm=npm curl=curl postgres=postgresql pgbouncer=pgbouncer chromium=chromium go=golang-go php=php-cli
	$(BIN)/python -m pytest -n 4

check: setup ## Format, lint, types, boundaries and the rules about the source
	$(BIN)/ruff format --check $(PATHS)
	$(BIN)/ruff check $(PATHS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/unit/test_source_rules.py

format: setup ## Put the source in the form that check wants
	$(BIN)/ruff check --fix --exit-zero $(PATHS)
	$(BIN)/ruff format $(PATHS)

docs: setup ## Write the generated parts of docs/ anew
	$(BIN)/python scripts/docs.py

pictures: setup ## Take the pictures of docs/console.md anew
	@scripts/debian-tools.sh 'The pictures' chromium=chromium
	$(BIN)/python -m pytest tests/browser/test_pictures.py --pictures

sim: setup ## Run the simulation: SEED=1 COUNT=20 TROUBLE=all (see docs/simulation.md); one SEED replays its run exactly
	cd tests && ../$(BIN)/python -m simulation.scenario $(or $(SEED),1) \
		--count $(or $(COUNT),$(if $(SEED),1,20)) --trouble $(or $(TROUBLE),all)

model: setup ## Hold a real server against a plain model of records, sets and triggers: SECONDS=60 SEED=1 STORE=sqlite (or postgres)
	cd tests && ../$(BIN)/python -m support.model --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1) --store $(or $(STORE),sqlite)

crash: setup ## Kill real servers again and again and look for what was lost: MINUTES=1 SEED=1 STORE=sqlite (or postgres) OF=events (or records)
	cd tests && ../$(BIN)/python -m support.$(if $(filter records,$(or $(OF),events)),record_crash --store $(or $(STORE),sqlite),crash$(if \
		$(filter postgres,$(or $(STORE),sqlite)),_fleet)) --minutes $(or $(MINUTES),1) --seed $(or $(SEED),1)

rolling: setup ## Restart processes on one PostgreSQL in turn, and say how long events take meanwhile: ROUNDS=3
	cd tests && ../$(BIN)/python -m support.rolling --rounds $(or $(ROUNDS),3)

interruptions: setup ## Halt processes on one PostgreSQL and cut their lines, and look for what was lost: MINUTES=3 SEED=1
	cd tests && ../$(BIN)/python -m support.interruptions --minutes $(or $(MINUTES),3) --seed $(or $(SEED),1)

overload: setup ## Press a real server with more than it takes: SECONDS=60 CONNECTIONS=1000 CAP=100 BYTES=342
	cd tests && ../$(BIN)/python -m support.overload --seconds $(or $(SECONDS),60) \
		--connections $(or $(CONNECTIONS),1000) --cap $(or $(CAP),100) --bytes $(or $(BYTES),342)

# All are run, and it fails in the end if a goal was missed; Ctrl-C (130) ends it.
bench: setup ## Measure on this machine: rates beside a bare pipeline, what size, contracts, many engines, bad endpoints, a purge and records do (an hour)
	@scripts/debian-tools.sh 'The benchmark' nginx=nginx-light h2load=nghttp2-client postgres=postgresql
	@missed=0; for part in $(BENCHES); do \
		echo "python bench/$$part.py"; $(BIN)/python bench/$$part.py; code=$$?; \
		if [ $$code -eq 130 ]; then exit 130; elif [ $$code -ne 0 ]; then missed=1; fi; \
	done; exit $$missed
