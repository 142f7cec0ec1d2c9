#!/bin/sh
# Starts the service on a free port with the bundled model, sends it the bundled recordings, shows
# progress and transcripts as they come, and stops it.
set -eu

verbatim=$1
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

mkfifo "$work/said"
VERBATIM__SERVER__PORT=0 \
VERBATIM__STORAGE__DIR="$work/data" \
VERBATIM__MODEL__PATH="$fixtures/ggml-words-q8_0.bin" \
VERBATIM__LOG__LEVEL="${LOG:-warn}" \
    "$verbatim" serve >"$work/said" &
service=$!
# The one line that the service says: "listening on http://HOST:PORT".
read -r line <"$work/said"
url=${line#listening on }

echo "Verbatim is $line; the model is unloaded and loads with the first job."
for name in en_short.wav en_phrases.wav de_phrases.wav es_phrases.wav fr_phrases.wav en_stereo44k.mp3 long.ogg; do
    echo
    echo "== $name"
    "$verbatim" transcribe --server "$url" --progress plain "$fixtures/audio/$name"
done
echo
echo "== de_phrases.wav, translated"
"$verbatim" transcribe --server "$url" --progress plain --task translate "$fixtures/audio/de_phrases.wav"
echo
echo "That was real speech through a real model. Next: README.md, or \`make run\`."
