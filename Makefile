# Every target says what it does in `make help`. All of them work on a machine with only git, make, bash and Python >= 3.11.

.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
ENVIRONMENT := .venv/bin/python
SERVICES := projects timeline notifications
TAG ?= 0.1.0
SEEDS ?= 5000
# Every run of pytest starts servers of its own, so lanes run side by side; servers that were given serve one lane at a time.
LANES := $(MAKE) --no-print-directory --jobs=$(if $(PG)$(NATS),1,3)
PYTEST := $(ENVIRONMENT) -m pytest -q
# A lane is one program, which hears of it when make is told to end, and whose lines are named while it stops its servers.
LANE = LANE=$@ exec
NAMED = > >(trap '' INT TERM; exec sed -u 's/^/$@: /') 2>&1
# A lane may have none of the tests that ARGS chooses; all of them together may not.
CHOSEN = $(if $(ARGS),@$(PYTEST) --collect-only $(1) $(ARGS) > /dev/null || [ $$? -ne 5 ] || { echo 'No test is chosen by these ARGS.'; exit 5; })
PARTS := tests/unit tests/simulation tests/contract tests/component
WHOLE := tests/clients tests/security tests/end_to_end

.PHONY: help environment run reset demo test test-parts test-whole test-unit simulate test-fault test-bad-days test-faults test-tries soak test-requests test-promises bench check format events openapi lock migrate rebuild verify \
        images sbom k8s-validate

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment: ## install what requirements-dev.txt pins into .venv; every other target does it first
	@$(PYTHON) deploy/local/environment.py

run: environment ## start everything on this machine, until Ctrl-C; PG= and NATS= name servers to use instead
	@$(ENVIRONMENT) -m deploy.local run

reset: environment ## forget the data of `make run`
	@$(ENVIRONMENT) -m deploy.local reset

demo: environment ## import real histories into the running system and print what it learned
	@$(ENVIRONMENT) -m integrations.demo

test: environment ## all tests but the fault campaign and the benches; ARGS= goes to pytest
	$(call CHOSEN,$(PARTS) $(WHOLE))
	@$(LANES) test-parts test-whole

test-parts:
	@$(LANE) $(PYTEST) $(PARTS) $(ARGS) $(NAMED)

test-whole:
	@$(LANE) $(PYTEST) $(WHOLE) $(ARGS) $(NAMED)

test-unit: environment ## the tests that need no server, in seconds
	@$(PYTEST) tests/unit $(ARGS)

simulate: environment ## the real code on simulated servers under faults, SEEDS= times (5000); SEED= tells one of them in full
	@$(ENVIRONMENT) -m tests.simulation --seeds=$(SEEDS) $(if $(SEED),--seed=$(SEED))

test-fault: environment ## kill, freeze and wipe the real processes under load; beside it simulate, ask and try whatever there is
	@$(LANES) test-bad-days test-faults test-tries

test-bad-days:
	@$(LANE) $(PYTEST) -s tests/fault/test_eleven_bad_minutes.py tests/fault/test_restarts.py $(ARGS) $(NAMED)

test-faults:
	@$(LANE) $(PYTEST) tests/fault $(addprefix --ignore=tests/fault/test_,eleven_bad_minutes.py restarts.py planted_bugs.py) $(ARGS) $(NAMED)

# What counts here is how much was tried, not how soon: the bad days beside it need the processors in time.
test-tries:
	@exec nice -n 15 $(MAKE) --no-print-directory simulate ARGS= $(NAMED)
	@exec nice -n 15 $(MAKE) --no-print-directory test-requests ARGS= $(NAMED)
	@exec nice -n 15 $(MAKE) --no-print-directory test-promises ARGS= $(NAMED)
	@$(LANE) $(PYTEST) -s tests/fault/test_planted_bugs.py $(ARGS) $(NAMED)

soak: environment ## bad days for an hour, 1,500 restarts, a backlog of a million events, twenty minutes of memory; FAULT_SEED= repeats one, .proof/ has the reports
	@ROUND=soak $(PYTEST) -s tests/fault/test_eleven_bad_minutes.py tests/fault/test_restarts.py tests/fault/test_backlog.py tests/fault/test_memory_is_steady.py $(ARGS)

test-requests: environment ## ask every operation whatever its API document allows, and what it does not
	@ROUND=long $(PYTEST) -s tests/clients/test_any_request.py $(ARGS)

test-promises: environment ## wish for everything in any order, and try hundreds of whatever has a property
	@ROUND=long $(PYTEST) tests/component/projects/test_promised_lives_over_http.py $(ARGS)
	@ROUND=long $(PYTEST) -m hypothesis tests/unit $(ARGS)

bench: environment ## measure side by side with peers, on this machine
	@$(ENVIRONMENT) -m tests.bench $(ARGS)

check: environment ## format, lint, types, import laws, house rules, generated documents
	@$(ENVIRONMENT) -m deploy.house.checking

format: environment ## write every file as `make check` wants it
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

events: environment ## write docs/events.md, the schemas and docs/asyncapi.json from the vocabulary
	@$(ENVIRONMENT) -m libs.events.documentation
	@$(ENVIRONMENT) -m tests.contract.publishing

openapi: environment ## write docs/openapi/ from the code; refused where it would break a published client
	@$(ENVIRONMENT) -m deploy.openapi

lock: environment ## pin dependencies anew; ARGS=--upgrade takes current releases
	@$(ENVIRONMENT) -m deploy.local.lock $(ARGS)

migrate: environment ## apply pending migrations of SERVICE (default: all three) to the local databases
	@for service in $(or $(SERVICE),$(SERVICES)); do $(ENVIRONMENT) -m deploy.local call $$service migrate || exit 1; done

rebuild: environment ## fold timeline's read models from the log anew, beside the live ones, then switch; ARGS= names one
	@$(ENVIRONMENT) -m deploy.local call timeline rebuild $(ARGS)

verify: environment ## hold the stream, timeline and notifications against the log; ARGS= as `--only log,stream` or `--json`
	@$(ENVIRONMENT) -m deploy.local call projects verify $(ARGS)

images: ## build the three images with Docker; TAG= names them
	@for service in $(SERVICES); do docker build -f deploy/Dockerfile --build-arg SERVICE=$$service -t milepost/$$service:$(TAG) . || exit 1; done

sbom: environment ## write what Python packages each image contains into sbom/, as CycloneDX; TAG= names the version
	@$(ENVIRONMENT) -m deploy.bill_of_materials sbom $(TAG)

k8s-validate: environment ## render every overlay with kubectl and hold it against the schemas of Kubernetes
	@$(ENVIRONMENT) -m deploy.k8s.validate
