# Everything a person does with the project. `make demo` and `make test` need nothing but Rust, and on
# Debian install the rest themselves.
.PHONY: alerts demo test check test-shell test-gpu failpoints fuzz mutants fuzz-seeds schemathesis soak torture chaos run ci bench bench-crowds bench-cluster bench-gpu eval eval-short setup setup-tests lint prose deny web-types bench-page picture release check-deb check-deploy check-proxy tables

# The bundled test model; with MODEL=base a published one, which is downloaded, and with FILE=talk.mp3 a recording of yours.
demo: setup
	cargo build --release --locked
	./scripts/demo.sh target/release/verbatim $(MODEL) $(FILE)

# Many tests wait: for a limit, for a client, for another process.
TEST_THREADS ?= $(shell expr 2 '*' $$(nproc 2>/dev/null || echo 2))

test: setup setup-tests
	cargo test --workspace --locked -- --test-threads=$(TEST_THREADS)
	$(MAKE) test-shell
	$(MAKE) eval-short

# Unit and actor tests: what to run after each change. About a minute on 2 cores, once it is built. The adapters of ffmpeg and
# PostgreSQL are tried by `make test` alone.
check: setup
	cargo test --workspace --lib --locked -- --test-threads=$(TEST_THREADS) --skip ffmpeg:: --skip postgres

# The same from outside, over HTTP: with BASE_URL they test any server.
test-shell: setup
	cargo build --locked
	./tests/test_all.sh
	./tests/test_model_lifecycle.sh
	./tests/test_idle_timeout.sh

# On a machine with an NVIDIA GPU and the CUDA toolkit; elsewhere they say that they are skipped.
test-gpu:
	./tests/test_gpu.sh

bench-gpu:
	./scripts/bench-gpu.sh

# Makes every step between an upload and its webhook fail, in three ways each.
failpoints: setup
	cargo test --locked --test api -- failpoints

# A million mutated inputs for each parser, about half an hour: `cargo install cargo-fuzz --locked` first. It needs
# nightly only for flags that RUSTC_BOOTSTRAP enables on stable.
RUNS ?= 1000000
TARGETS ?= audio form request by_url wyoming webhook_url settings
fuzz: setup
	for target in $(TARGETS); do \
	  mkdir -p fuzz/corpus/$$target; \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run -s none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -runs=$(RUNS) -max_len=20000 -timeout=30 -print_final_stats=1 || exit 1; \
	done

# The same targets without coverage to guide it, and without another build: so many times as many inputs as `make test`.
TIMES ?= 50
fuzz-seeds:
	VERBATIM_FUZZ_TIMES=$(TIMES) cargo test --locked --lib -- fuzzing --nocapture

# Random requests and chains of them by schemathesis, beside the cases that `make test` sends.
schemathesis: setup setup-tests
	VERBATIM_SCHEMATHESIS_PHASES=examples,coverage,fuzzing,stateful cargo test --locked --test api -- openapi::requests

# Optimised, and with all checks: for what takes long.
LONG = --config profile.dev.package.verbatim.opt-level=2 --config profile.dev.package.actors.opt-level=2

# A thousand damaged recordings of each of 16 kinds over HTTP, an hour; `make mutants MUTANTS=100` is quicker.
MUTANTS ?= 1000
mutants: setup setup-tests
	VERBATIM_MUTANTS=$(MUTANTS) cargo test $(LONG) --locked --test api -- mutants --nocapture

# What takes minutes: two hundred loads and unloads.
soak: setup
	cargo test --locked --test api -- --ignored two_hundred

# A thousand kills of the service and of its engine, half of them with each backend, a quarter of an hour;
# `make torture CYCLES=100` is quicker.
CYCLES ?= 1250
torture: setup
	VERBATIM_TORTURE_CYCLES=$(CYCLES) cargo test $(LONG) --locked --test api -- torture --nocapture

# The same with seven services on one PostgreSQL database, which crashes too, and whose connections hang.
CHAOS ?= 1000
chaos: setup setup-tests
	VERBATIM_CHAOS_CYCLES=$(CHAOS) cargo test $(LONG) --locked --test api -- chaos --nocapture

# Settings: config/default.toml; a model: `target/release/verbatim models pull base`.
run: setup
	cargo run --release --locked -- serve

bench: setup
	./scripts/bench.sh

# Ten thousand followers, a hundred thousand jobs, an upload of 1 GiB; `CROWDS="queue upload"` picks some.
# Several services on one PostgreSQL database: claims, submissions, workers, followers.
bench-cluster: setup setup-tests
	cargo bench --locked --bench cluster -- $(CLUSTER)

bench-crowds: setup
	cargo bench --locked --bench crowds -- $(CROWDS)

# Judges transcripts and times on real speech beside faster-whisper: minutes. EVAL="--only jfk.wav --repeat 3" passes options
# to scripts/eval/judge.py; the recordings beside the project are taken where they are there.
eval: setup setup-tests
	cargo build --release --locked
	./scripts/eval/run.sh $(EVAL)

# A minute of generated speech, without peers; skipped where the weights cannot be downloaded.
eval-short: setup setup-tests
	cargo build --locked
	EVAL_SHORT=1 EVAL_BIN=target/debug/verbatim ./scripts/eval/run.sh $(EVAL)

# The archive, the Debian package, a bill of materials and checksums, in target/package: `cargo install cargo-deb cargo-sbom` first.
release: setup
	./scripts/release.sh

# Installs, uses, upgrades and removes the package of `make release` in a Debian that is booted for it. As root, with mmdebstrap and
# systemd-container: three minutes, and one from the second time on.
check-deb:
	./scripts/check-deb.sh

# A service behind nginx and Caddy as docs/guides/reverse-proxy.md configures them, where these are installed.
check-proxy:
	./scripts/check-proxy.sh

# Files in deploy/ and .github/, and the shell scripts.
check-deploy:
	./scripts/check-deploy.sh

# The tables of the documents that are written from the program.
tables:
	UPDATE_DOCS=1 cargo test --locked --test architecture -- generated

# The picture of docs/ARCHITECTURE.md; needs graphviz.
picture: docs/architecture.svg

docs/architecture.svg: docs/architecture.dot
	dot -Tsvg $< -o $@

ci: setup lint deny test

lint: prose web-types alerts check-deploy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# The types that comments in `web` declare; `make setup-tests` installs the checker.
web-types: setup-tests
	target/clients/node/node_modules/.bin/tsc -p tests/web

# Size and time of the web page's first load, and frames while it scrolls: needs Chromium.
bench-page: setup setup-tests
	cargo build --release --locked
	./scripts/bench-page.sh target/release/verbatim

# Spelling, words and test names; `scripts/prose.sh` installs the spell checker.
prose:
	./scripts/prose.sh

# Alerts and their tests, where Prometheus's promtool is installed.
alerts:
	./scripts/alerts-check.sh

# Licences, sources and forbidden crates: `cargo install cargo-deny` first.
deny:
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check bans licenses sources; \
	else echo "cargo-deny is not installed: licences and sources are not checked" >&2; fi

setup:
	./scripts/setup.sh

setup-tests:
	./scripts/setup-tests.sh
