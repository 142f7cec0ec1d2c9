# What the test and the benchmark on an NVIDIA GPU share: a program built for it (VERBATIM, or one that is built now), a
# service with MODEL, and another program that fills the card. Without a GPU, its driver or the CUDA toolkit it says so
# and ends with 0.
# Sourced, not run.
# shellcheck shell=bash source-path=SCRIPTDIR

gpu=${GPU:-0}
# Counted as nvidia-smi counts them, by the other program too.
export CUDA_VISIBLE_DEVICES=$gpu CUDA_DEVICE_ORDER=PCI_BUS_ID
unset BASE_URL
for tool in nvidia-smi nvcc; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is missing; this test needs an NVIDIA GPU, its driver and the CUDA toolkit"
        exit 0
    fi
done
if ! nvidia-smi -i "$gpu" >/dev/null 2>&1; then
    echo "skipped: there is no GPU $gpu"
    exit 0
fi
if [ -z "${VERBATIM:-}" ]; then
    cargo build --release --locked --features cuda --target-dir target/cuda || exit
    VERBATIM=$PWD/target/cuda/release/verbatim
fi
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Another program on the card: it takes all but the given number of bytes by plain allocations, says so, and
# takes what becomes free, too.
cat >"$work/hog.cu" <<'CU'
#include <cstdio>
#include <cstdlib>
#include <unistd.h>
int main(int, char **argv) {
    const size_t leave = strtoull(argv[1], nullptr, 10), least = 4 << 20;
    for (bool said = false;; usleep(500)) {
        size_t free_bytes, total;
        void *taken;
        if (cudaMemGetInfo(&free_bytes, &total) != cudaSuccess) return 1;
        // All of it at once is at times more than the driver gives.
        size_t want = free_bytes > leave ? free_bytes - leave : 0;
        while (want >= least && cudaMalloc(&taken, want) != cudaSuccess) want /= 2;
        if (want < least && !said) {
            said = true;
            printf("taken\n");
            fflush(stdout);
        }
    }
}
CU
nvcc -o "$work/hog" "$work/hog.cu" || exit
mkfifo "$work/hog-said"

hog=""
fill_card() { # BYTES that are left
    "$work/hog" "$1" >"$work/hog-said" &
    hog=$!
    followers+=("$hog")
    if ! read -r _ <"$work/hog-said"; then
        echo "the card cannot be filled" >&2
        exit 2
    fi
}
free_card() {
    kill "$hog"
    wait "$hog"
} 2>/dev/null

on_card() { nvidia-smi -i "$gpu" --query-gpu="memory.$1" --format=csv,noheader,nounits; } # used|total, in MiB

starts() { # the service, with settings NAME=VALUE…
    if [ -n "$server" ]; then
        kill "$server"
        wait "$server"
        rm -f "$work/said"
    fi
    start_server VERBATIM__MODEL__PATH="${MODEL:-$root/tests/fixtures/ggml-words-f16.bin}" GPU_POLL_INTERVAL_SECS=5 "$@"
}

completed() { # JOB…
    local id
    for id in "$@"; do
        call GET "/jobs/$id"
        [ "$(field status)" = completed ] || return 1
    done
}
