.PHONY: check test torture integration goldens fuzz bench

# What a change has to pass before it lands.
check:
	bash .ci/run

test:
	go test -race ./...

# A producer and consumers that are killed, cut off and lied to, for as long as
# you like: make torture SECONDS=3600 STORE=bolt BROKER=nats://127.0.0.1:4222.
# SEED runs what a failure has printed once more.
SEED ?= 0
EVENTS ?= 100000
FAULTS ?= 1500
SECONDS ?= 0
STORE ?= inbox
MEMBERS ?= 1
BROKER ?=
RESTART ?=
torture:
	go test ./internal/torture -run 'TestLong$$' -count 1 -v -timeout 0 -long -seed $(SEED) -events $(EVENTS) -faults $(FAULTS) \
		-seconds $(SECONDS) -store $(STORE) -members $(MEMBERS) -broker '$(BROKER)' -restart '$(RESTART)'

# The real brokers, started on loopback and stopped again. Installs Debian's
# packages, and fails where something did not run.
integration:
	INSTALL=1 integration/run

# Rewrite every golden file from what the code does now; review the difference.
GOLDEN = ./diag ./internal/gen ./internal/check ./internal/cli ./internal/document ./schema ./internal/topology ./internal/site
goldens:
	go test $(GOLDEN) -update

# A minute of each fuzz target; what is found is kept under testdata/fuzz.
fuzz:
	@for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			go test $$pkg -run '^$$' -fuzz "^$$target$$" -fuzztime 60s -parallel 2 || exit 1; \
		done; \
	done

# The figures of bench/README.md, on this machine.
bench:
	cd bench && ./run
