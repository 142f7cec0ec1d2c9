#!/bin/sh
# Benchmarks the service with the bundled model and with a full-size `tiny` made of it: same words,
# real cost. The wide model needs Python's numpy, which is installed into target/ when it is missing.
set -eu

wide="$PWD/target/ggml-words-tiny-f16.bin"
if [ ! -f "$wide" ]; then
    python=python3
    if ! python3 -c "import numpy" 2>/dev/null; then
        python3 -m venv target/venv
        target/venv/bin/pip install --quiet numpy
        python=target/venv/bin/python
    fi
    "$python" tests/fixtures/widen.py tests/fixtures/ggml-words-f16.bin "$wide.part" tiny
    mv "$wide.part" "$wide"
fi
command -v curl >/dev/null || { echo "the benchmark uploads with curl: install it" >&2; exit 1; }
cargo bench --locked --bench service -- "$PWD/tests/fixtures/ggml-words-q8_0.bin" "$wide"
