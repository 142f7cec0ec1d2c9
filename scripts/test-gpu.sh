#!/usr/bin/env bash
# On a machine with an NVIDIA GPU and the CUDA toolkit: builds for it, loads, transcribes, fills the card
# from a second process until the model has to wait, lets go, and shows that an unload leaves nothing behind.
# Without a GPU it says so and ends with 0.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in nvidia-smi nvcc curl python3; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is missing; this test needs an NVIDIA GPU, its driver and the CUDA toolkit"
        exit 0
    fi
done
gpu=${GPU:-0}
if ! nvidia-smi -i "$gpu" >/dev/null 2>&1; then
    echo "skipped: there is no GPU $gpu"
    exit 0
fi

passed=0 failed=0
check() { # NAME COMMAND…: a line for each check
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)) && echo "ok   $name"
    else failed=$((failed + 1)) && echo "FAIL $name"; fi
}

target=target/cuda
cargo build --release --locked --features cuda --target-dir "$target"
verbatim=$target/release/verbatim
work=$(mktemp -d)
service="" hog=""
stop() {
    [ -z "$hog" ] || kill "$hog" 2>/dev/null || true
    [ -z "$service" ] || { kill "$service" 2>/dev/null && wait "$service" 2>/dev/null; } || true
    rm -rf "$work"
}
trap stop EXIT

# A plain allocation in a process of its own: it takes all but as many bytes as it is told, says so, and waits.
cat >"$work/hog.cu" <<'CU'
#include <cstdio>
#include <cstdlib>
#include <unistd.h>
int main(int, char **argv) {
    size_t leave = strtoull(argv[1], nullptr, 10), free_bytes, total;
    if (cudaMemGetInfo(&free_bytes, &total) != cudaSuccess) return 1;
    void *taken;
    if (free_bytes <= leave || cudaMalloc(&taken, free_bytes - leave) != cudaSuccess) return 1;
    printf("taken\n");
    fflush(stdout);
    pause();
}
CU
nvcc -o "$work/hog" "$work/hog.cu"

mkfifo "$work/said"
CUDA_VISIBLE_DEVICES=$gpu VERBATIM__SERVER__PORT=0 VERBATIM__STORAGE__DIR=$work/data GPU_POLL_INTERVAL_SECS=5 \
    VERBATIM__MODEL__PATH=${MODEL:-tests/fixtures/ggml-words-f16.bin} "$verbatim" serve >"$work/said" 2>"$work/log" &
service=$!
read -r line <"$work/said"
url=${line#listening on }

field() { python3 -c 'import json,sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."): value = value and value[key]
print(value)' "$1"; }
status() { curl -sS "$url/model/status" | field "$1"; }
state_is() { [ "$(status state)" = "$1" ]; }
wait_for_state() { # STATE SECONDS
    for _ in $(seq "$(($2 * 5))"); do
        if state_is "$1"; then return 0; fi
        sleep 0.2
    done
    return 1
}
transcribes() {
    [ "$("$verbatim" transcribe --server "$url" --progress none tests/fixtures/audio/en_short.wav)" = "One two three." ]
}
nothing_on_the_card() { # no process of the service is on the GPU
    local ours
    ours=$(pgrep -P "$service" | tr '\n' '|')$service
    ! nvidia-smi -i "$gpu" --query-compute-apps=pid --format=csv,noheader | grep -qxE "$ours"
}

curl -sS -X POST "$url/model/load?wait=true" >"$work/loaded"
check "the model loads" state_is ready
check "it runs on the GPU" [ "$(status device.backend)" = cuda ]
check "its memory is seen" [ "$(status memory.used_by_model_bytes)" -gt 0 ]
check "it transcribes" transcribes
curl -sS -X POST "$url/model/unload?wait=true&hold_secs=0" >"$work/unloaded"
check "unloaded, no process of ours is on the GPU" nothing_on_the_card
check "unloaded, no residue is reported" [ "$(status memory.residual_bytes)" = 0 ]

mkfifo "$work/hog-said"
CUDA_VISIBLE_DEVICES=$gpu "$work/hog" 100000000 >"$work/hog-said" &
hog=$!
read -r _ <"$work/hog-said"
job=$(curl -sS -F file=@tests/fixtures/audio/en_short.wav "$url/jobs?queue=true" | field id)
check "on a full GPU the model waits" wait_for_state waiting_for_gpu 60
check "it says how much it needs" [ "$(status waiting.needed_bytes)" -gt "$(status waiting.free_bytes)" ]
check "the job waits in the queue" [ "$(curl -sS "$url/jobs/$job" | field status)" = queued ]
kill "$hog"
wait "$hog" 2>/dev/null || true
hog=""
check "when the GPU is free again it loads" wait_for_state ready 60
curl -sSN "$url/jobs/$job/events" >/dev/null
check "and the job is done" [ "$(curl -sS "$url/jobs/$job" | field result.text)" = "One two three." ]
curl -sS -X POST "$url/model/unload?wait=true&hold_secs=0" >"$work/unloaded"
check "in the end no process of ours is on the GPU" nothing_on_the_card

echo "$passed passed, $failed failed"
if [ "$failed" != 0 ]; then
    tail -50 "$work/log" >&2
    exit 1
fi
