#!/usr/bin/env bash
# Measures models of the published sizes, made of the bundled one by widen.py, on a GPU: the estimated memory
# and taken, loads, and how many times faster than speech they are, without flash attention and with it; then what several
# workers do with several jobs, and how many different texts come of the same recording.
#
#   VERBATIM=… scripts/bench-gpu.sh [tiny|base|small|medium|large]…   a program that is built with `--features cuda`
#
# FLASH=true leaves out the other. Needs a GPU without other users, the CUDA toolkit and Python's numpy.
# shellcheck source-path=SCRIPTDIR source=../tests/shell/gpu.sh
cd "$(dirname "$0")/.." || exit
source tests/shell/gpu.sh
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(tiny base small medium large)
folder=${MODELS:-$root/target/gpu}
mkdir -p "$folder"
for size in "${sizes[@]}"; do
    [ -f "$folder/$size.bin" ] || {
        python3 tests/fixtures/widen.py tests/fixtures/ggml-words-f16.bin "$folder/$size.part" "$size" >/dev/null &&
            mv "$folder/$size.part" "$folder/$size.bin"
    } &
done
wait
for size in "${sizes[@]}"; do
    [ -f "$folder/$size.bin" ] || exit
done

# Ten minutes of speech.
python3 - "$recordings/en_dense.wav" "$work/speech.wav" <<'PY'
import sys, wave
with wave.open(sys.argv[1]) as once, wave.open(sys.argv[2], "wb") as out:
    out.setparams(once.getparams())
    frames = once.readframes(once.getnframes()) + bytes(2 * once.getframerate())
    for _ in range(600 * once.getframerate() // (len(frames) // 2)):
        out.writeframes(frames)
PY

since() { python3 -c 'import sys, time; print(f"{time.time() - float(sys.argv[1]):.2f}")' "$1"; }
now() { python3 -c 'import time; print(time.time())'; }
megabytes() { echo $((($1 + 500000) / 1000000)); }

# The most memory that the model has until its job is done, in bytes.
most_until_done() {
    local most=0 used
    while :; do
        used=$(model memory.used_by_model_bytes)
        [ "$used" -le "$most" ] || most=$used
        call GET "/jobs/$job"
        [ "$status" = 200 ] || return
        case $(field status) in queued | running) ;; *) break ;; esac
    done
    echo "$most"
}

printf '%-7s %-6s %8s %8s %8s %8s %8s\n' model flash estimated idle most load speed
for size in "${sizes[@]}"; do
    for flash in ${FLASH:-false true}; do
        starts VERBATIM__MODEL__PATH="$folder/$size.bin" VERBATIM__ENGINE__FLASH_ATTN=$flash
        fill_card 20000000
        call POST /model/load
        within 60 state_is waiting_for_gpu
        estimated=$(field waiting.needed_bytes)
        call POST /model/unload
        free_card
        begun=$(now)
        call POST "/model/load?wait=true"
        load=$(since "$begun")
        idle=$(model memory.used_by_model_bytes)
        call POST /jobs -F "file=@$work/speech.wav" -F language=en
        job=$(field id)
        most=$(most_until_done)
        call GET "/jobs/$job"
        speed=$(python3 -c 'import json, sys
from datetime import datetime
job = json.load(open(sys.argv[1]))
at = lambda key: datetime.fromisoformat(job[key].replace("Z", "+00:00"))
print(round(job["audio"]["duration_secs"] / (at("finished_at") - at("started_at")).total_seconds()))' "$work/body")
        printf '%-7s %-6s %8s %8s %8s %8s %8s\n' "$size" "$flash" \
            "$(megabytes "$estimated")" "$(megabytes "$idle")" "$(megabytes "$most")" "$load" "$speed"
    done
done

# Four recordings of ten minutes at a time.
size=${sizes[$((${#sizes[@]} / 2))]}
printf '\n%-7s %-7s %8s %8s\n' model workers speed texts
for workers in 1 2 4; do
    starts VERBATIM__MODEL__PATH="$folder/$size.bin" VERBATIM__ENGINE__WORKERS=$workers
    call POST "/model/load?wait=true"
    begun=$(now)
    jobs=()
    for _ in 1 2 3 4; do
        call POST /jobs -F "file=@$work/speech.wav" -F language=en
        jobs+=("$(field id)")
    done
    within 600 completed "${jobs[@]}" || exit
    speed=$(python3 -c 'import sys; print(round(2400 / float(sys.argv[1])))' "$(since "$begun")")
    for job in "${jobs[@]}"; do
        call GET "/jobs/$job"
        field result.text
    done | sort -u >"$work/texts-$workers"
    printf '%-7s %-7s %8s %8s\n' "$size" "$workers" "$speed" "$(cat "$work"/texts-* | sort -u | wc -l)"
done
