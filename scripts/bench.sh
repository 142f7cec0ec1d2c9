#!/bin/sh
# Benchmarks the service with whisper.cpp on the bundled model and on a full-size `tiny` made of it (same words, real
# cost), and with CTranslate2 on the published `base` weights, where they can be downloaded.
set -eu

python=target/venv/bin/python
if ! "$python" -c "import numpy" 2>/dev/null; then
    python3 -m venv target/venv
    "$python" -m pip install --quiet numpy
fi
wide="$PWD/target/ggml-words-tiny-f16.bin"
if [ ! -f "$wide" ]; then
    "$python" tests/fixtures/widen.py tests/fixtures/ggml-words-f16.bin "$wide.part" tiny
    mv "$wide.part" "$wide"
fi
set -- "$PWD/tests/fixtures/ggml-words-q8_0.bin" "$wide"
code=0
"$python" scripts/eval/weights.py target/eval/weights base || code=$?
case $code in
    0) set -- "$@" "$PWD/target/eval/weights/base" ;;
    3) echo "skipped: CTranslate2, as the Whisper weights cannot be downloaded" >&2 ;;
    *) exit "$code" ;;
esac
command -v curl >/dev/null || { echo "the benchmark uploads with curl: install it" >&2; exit 1; }
cargo bench --locked --bench service -- "$@"
