#!/bin/sh
# Judges target/release/verbatim, or EVAL_BIN, on real and generated speech, with the published Whisper weights:
# run.sh [OPTION...]. Options are judge.py's. Everything that is fetched, generated or measured is in
# target/eval; result.json and result.md there have the result.
#
# EVAL_SHORT=1 takes a minute of generated speech and no peers. It is skipped where packages or weights cannot
# be downloaded.
set -eu
cd "$(dirname "$0")/../.."

program=${EVAL_BIN:-target/release/verbatim}
work=target/eval
short=${EVAL_SHORT:-}
python=$work/venv/bin/python
mkdir -p "$work/tmp"
# Nothing is written outside the tree.
TMPDIR="$PWD/$work/tmp"
PYTHONPYCACHEPREFIX="$PWD/$work/pycache"
HF_HOME="$PWD/$work/huggingface"
HF_HUB_OFFLINE=1
export TMPDIR PYTHONPYCACHEPREFIX HF_HOME HF_HUB_OFFLINE

# Ends the run: it is skipped in the short form, and fails in the other.
unavailable() {
    if [ "$short" = 1 ]; then
        echo "skipped: $1"
        exit 0
    fi
    echo "$1" >&2
    exit 1
}

if [ ! -x "$program" ]; then
    echo "$program does not exist; build it, for example with cargo build --release --locked" >&2
    exit 1
fi

# A list that is in $work has been installed.
if ! cmp -s scripts/eval/requirements.txt "$work/requirements.txt"; then
    python3 -m venv "$work/venv"
    "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
        -r scripts/eval/requirements.txt >&2 ||
        unavailable "the packages of scripts/eval/requirements.txt cannot be installed"
    cp scripts/eval/requirements.txt "$work/"
fi

code=0
"$python" scripts/eval/weights.py "$work/weights" base || code=$?
case $code in
    0) ;;
    3) unavailable "the Whisper weights cannot be downloaded" ;;
    *) exit "$code" ;;
esac

"$python" scripts/eval/speech.py "$work/speech"

if [ "$short" = 1 ]; then
    set -- --short "$@"
else
    [ ! -d ../shared/real/audio ] || set -- --audio ../shared/real/audio "$@"
    set -- --peers fw,fwb "$@"
fi
"$python" scripts/eval/judge.py --bin "$program" --weights "$work/weights" --audio "$work/speech" \
    --json "$work/result.json" --table "$work/result.md" "$@"
