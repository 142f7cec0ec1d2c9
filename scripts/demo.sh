#!/bin/sh
# Starts the service on a free port, sends it recordings, shows progress and transcripts as they come, and stops it.
#
#     demo.sh PROGRAM                   the bundled test model and the bundled recordings; nothing is downloaded
#     demo.sh PROGRAM MODEL [FILE...]   a published model, such as base: downloaded into models/ unless it is there
#
# Without FILE the published model transcribes sentences that espeak-ng speaks.
set -eu

verbatim=$1
shift
model=${1:-}
[ $# = 0 ] || shift
fixtures=tests/fixtures
work=$(mktemp -d)
service=""

stop() {
    status=$?
    if [ -n "$service" ]; then
        kill "$service" 2>/dev/null || true
        wait "$service" 2>/dev/null || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM

# The weights from where they are published, or else from the packages that the evaluation pins by SHA-256.
fetch() {
    VERBATIM__MODEL__DIR=models "$verbatim" models pull "$1" && return
    case $1 in
        base | tiny.en) ;;
        *) return 1 ;;
    esac
    echo "trying the packages of scripts/eval/weights.py" >&2
    python3 -c 'import ensurepip' 2>/dev/null || ./scripts/setup-tests.sh
    [ -x target/demo/bin/python ] || python3 -m venv target/demo
    numpy=$(grep '^numpy==' scripts/eval/requirements.txt)
    target/demo/bin/pip install --quiet --disable-pip-version-check "$numpy" >&2
    target/demo/bin/python scripts/eval/weights.py target/demo/weights "$1"
    mkdir -p models
    mv "target/demo/weights/ggml-$1.bin" models/
    (cd models && sha256sum "ggml-$1.bin" >"ggml-$1.bin.sha256")
    rm -r target/demo/weights
}

speak() { # VOICE NAME TEXT
    espeak-ng -v "$1" -s 165 -w "$work/$2" "$3"
}

if [ -n "$model" ]; then
    file=models/ggml-$model.bin
    if [ ! -f "$file" ] && ! fetch "$model"; then
        echo "the model $model cannot be downloaded; put its file at $file, or run \`make demo\` for the bundled test model" >&2
        exit 1
    fi
    if [ $# = 0 ]; then
        command -v espeak-ng >/dev/null || ./scripts/setup-tests.sh
        speak en-us english.wav "The ferry leaves the small harbor early in the morning. Nothing that is said leaves this machine."
        set -- "$work/english.wav"
        case $model in
            *.en) ;;
            *)
                speak de+m3 german.wav "Der Zug nach Hamburg fährt heute vom anderen Bahnsteig ab."
                set -- "$@" "$work/german.wav"
                ;;
        esac
    fi
else
    file=$fixtures/ggml-words-q8_0.bin
    for name in en_short.wav en_phrases.wav de_phrases.wav es_phrases.wav fr_phrases.wav en_stereo44k.mp3 long.ogg; do
        set -- "$@" "$fixtures/audio/$name"
    done
fi

mkfifo "$work/said"
VERBATIM__SERVER__PORT=0 \
VERBATIM__STORAGE__DIR="$work/data" \
VERBATIM__MODEL__PATH="$file" \
VERBATIM__LOG__LEVEL="${LOG:-warn}" \
    "$verbatim" serve >"$work/said" &
service=$!
# The one line that the service says: "listening on http://HOST:PORT".
read -r line <"$work/said"
url=${line#listening on }

echo "Verbatim is $line; the model $file is unloaded and loads with the first job."
for recording in "$@"; do
    echo
    echo "== $(basename "$recording")"
    "$verbatim" transcribe --server "$url" --progress plain "$recording"
done
echo
if [ -n "$model" ]; then
    echo "That was the published Whisper model $model. Next: README.md, or \`make run\`."
    exit 0
fi
echo "== de_phrases.wav, translated"
"$verbatim" transcribe --server "$url" --progress plain --task translate "$fixtures/audio/de_phrases.wav"
echo
echo "That was the bundled test model, which has 80 words in four languages, on synthetic speech. For free speech"
echo "run \`make demo MODEL=base\` (downloads 142 MiB), with FILE=talk.mp3 for a recording of yours. Next: README.md."
