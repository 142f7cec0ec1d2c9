#!/usr/bin/env bash
# The model's life on a real NVIDIA GPU: it runs there, waits while another program has the card, makes room for one,
# outlives a crash, and leaves nothing behind. Without a GPU, its driver or the CUDA toolkit it says so and ends with 0.
#
#   tests/test_gpu.sh                      builds with `--features cuda` and tests that
#   VERBATIM=… MODEL=… tests/test_gpu.sh   a program that is built so already; another model
# shellcheck source-path=SCRIPTDIR source=shell/gpu.sh
cd "$(dirname "$0")/.." || exit
source tests/shell/gpu.sh

programs() { nvidia-smi -i "$gpu" --query-compute-apps=pid --format=csv,noheader; }
is_on_card() { programs | grep -qx "$1"; }
card_is_as_before() { [ "$(on_card used)" = "$before" ]; }
engine() { cat "/proc/$server/task"/*/children | xargs; }

before=$(on_card used)
starts
equal "the service itself takes nothing of the card" "$before" "$(on_card used)"

echo "# on the GPU"
call POST "/model/load?wait=true"
equal "the model loads" "200 ready" "$status $(field state)"
equal "it runs on the GPU" cuda "$(model device.backend)"
equal "the card's memory is seen" $(($(on_card total) / 1024)) $(($(field memory.total_bytes) >> 30))
holds "and what the model has of it" between 100000000 "$(field memory.used_by_model_bytes)" 100000000000
holds "it is the engine's process that has it" is_on_card "$(engine)"
if is_on_card "$server"; then bad "and not the service's" "$(programs | xargs)"; else ok "and not the service's"; fi
all_recordings=$(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1])))' "$recordings/truth.json")
transcribes_all() { # HOW
    local recording
    for recording in $all_recordings; do
        submit "$recording" /jobs
        follow_to_the_end "$job"
        call GET "/jobs/$job"
        equal "it transcribes $recording$1" "$(transcript "$recording")" "$(field result.text)"
    done
}
transcribes_all ""

echo "# nothing is left"
call POST "/model/unload?wait=true&hold_secs=0"
equal "an unload leaves no residue" 0 "$(model memory.residual_bytes)"
holds "and the card as it was" card_is_as_before
left=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    call POST "/model/load?wait=true"
    call POST "/model/unload?wait=true&hold_secs=0"
    card_is_as_before || left=$((left + 1))
done
equal "as do ten more" 0 "$left"

echo "# a full card"
fill_card 100000000
submit en_short.wav "/jobs?queue=true"
waiting=$job
holds "the model waits" within 60 state_is waiting_for_gpu
holds "it says how much it needs" test "$(field waiting.needed_bytes)" -gt "$(field waiting.free_bytes)"
needed=$(field waiting.needed_bytes)
call GET "/jobs/$waiting"
equal "the job waits in the queue" queued "$(field status)"
free_card
holds "when the card is free again it loads" within 60 state_is ready
holds "and the job is done" within 60 completed "$waiting"

echo "# a card with just enough"
call POST "/model/unload?wait=true&hold_secs=0"
fill_card $((needed + 30000000))
submit long.ogg "/jobs?queue=true"
holds "the model loads, and does its work" within 60 completed "$job"
equal "without a word wrong" "$(transcript long.ogg)" "$(field result.text)"
free_card

echo "# a card that fills up at work"
jobs=()
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    submit long.ogg "/jobs?queue=true"
    jobs+=("$job")
done
holds "there is work" within 60 completed "${jobs[0]}"
fill_card 1000000
holds "the model is given up and waits" within 60 state_is waiting_for_gpu
free_card
holds "then every job is done" within 120 completed "${jobs[@]}"
wrong=0
for id in "${jobs[@]}"; do
    call GET "/jobs/$id"
    [ "$(field result.text)" = "$(transcript long.ogg)" ] || wrong=$((wrong + 1))
done
equal "and none has a word wrong" 0 "$wrong"

echo "# an engine that is killed at work"
submit long.ogg "/jobs?queue=true"
follow "/jobs/$job/events" "$work/killed"
holds "it is at work" within 60 seen segment "$work/killed"
holds "it is killed" kill -9 "$(engine)"
holds "its job goes back to the queue" within 10 seen requeued "$work/killed"
holds "its job is done all the same" within 60 completed "$job"
equal "and says the same" "$(transcript long.ogg)" "$(field result.text)"
call POST "/model/unload?wait=true&hold_secs=0"
holds "and the card is as it was" card_is_as_before

echo "# without flash attention"
starts VERBATIM__ENGINE__FLASH_ATTN=false
call POST "/model/load?wait=true"
transcribes_all " without it"

echo "# a good neighbour"
starts VERBATIM__GPU__YIELD_BELOW_FREE_BYTES=2000000000
call POST "/model/load?wait=true"
follow /model/events "$work/events"
fill_card 1000000000
holds "an idle model makes room" within 60 state_is unloaded
holds "and says why" grep -q '"reason":"pressure"' "$work/events"
free_card
holds "the card is as it was" within 10 card_is_as_before
conclude
