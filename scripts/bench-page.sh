#!/bin/sh
# Benchmarks the web page in Chromium, served by the program that is named: scripts/bench-page.sh target/release/verbatim
set -eu
cd "$(dirname "$0")/.."

program=$1
port=${PORT:-8099}
dir=$(mktemp -d)
VERBATIM__MODEL__PATH="$PWD/tests/fixtures/ggml-words-q8_0.bin" VERBATIM__STORAGE__DIR="$dir/data" VERBATIM__SERVER__PORT="$port" \
    VERBATIM__LOG__LEVEL=error "$program" serve >"$dir/said" &
service=$!
trap 'kill $service; wait $service; rm -rf "$dir"' EXIT
until grep -q listening "$dir/said"; do kill -0 $service; sleep 0.1; done
NODE_PATH="$PWD/target/clients/node/node_modules" node benches/page.mjs "http://127.0.0.1:$port"
