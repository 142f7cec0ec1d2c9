#!/usr/bin/env bash
# The model's lifecycle from outside, against any server; `tests/api/lifecycle.rs` has the cases that need a server of
# their own: too little memory, no model file, interrupted loads, killed engines.
#
#   tests/test_model_lifecycle.sh                                  starts a server of its own
#   BASE_URL=http://localhost:8080 tests/test_model_lifecycle.sh   tests that one
# shellcheck source-path=SCRIPTDIR source=shell/lib.sh
source "$(dirname "$0")/shell/lib.sh"
# shellcheck disable=SC2119
start_server

call POST "/model/unload?wait=true&hold_secs=0"
follow /model/events "$work/events"

echo "# unloaded"
equal "it starts unloaded" unloaded "$(model state)"
equal "an unloaded model has no memory" 0 "$(field memory.used_by_model_bytes)"
equal "nothing is awaited" "" "$(field waiting)"
equal "model events begin with the status" model_status "$(names "$work/events" | head -1)"
call POST /model/unload
equal "unloading an unloaded model is fine" "200 unloaded" "$status $(field state)"

echo "# loading"
submit en_short.wav /jobs
equal "a job is turned away" "503 model_not_ready" "$status $(field error.code)"
holds "with the time to retry" between 1 "$(header retry-after)" 60
holds "with how long a load takes" between 0 "$(field model.load_expected_secs)" 3600
holds "that triggers the load" within 60 state_is ready
within 10 seen model_ready "$work/events"
equal "the events contain one load" "1 1" "$(count model_loading "$work/events") $(count model_ready "$work/events")"
submit en_short.wav /jobs
equal "the job is taken now" 202 "$status"
follow_to_the_end "$job"
holds "and done" seen completed "$work/job-events"

echo "# ready"
call POST /model/load
equal "loading a loaded model is fine" "200 ready" "$status $(field state)"
says_when_it_goes() { [ -n "$(model idle.unloads_at)" ]; }
holds "an idle model says when it goes" within 5 says_when_it_goes
call POST "/model/load?keep_alive=-1"
equal "keep_alive=-1 keeps it" "" "$(model idle.unloads_at)"
call POST "/model/load?keep_alive=soon"
equal "a bad keep_alive is a 400" "400 keep_alive" "$status $(field error.param)"
call POST "/model/load?keep_alive=0"
holds "keep_alive=0 unloads it" within 5 state_is unloaded

echo "# many at once"
loads=$(count model_loading "$work/events")
callers=()
for n in 1 2 3 4 5 6 7 8; do
    curl -sS -X POST -o /dev/null -w '%{http_code}\n' "$base/model/load?wait=true" >"$work/load-$n" &
    callers+=($!)
done
answers=0 slow=0
while kill -0 "${callers[0]}" 2>/dev/null; do
    took=$(curl -sS -o /dev/null -w '%{time_total}' "$base/model/status")
    answers=$((answers + 1))
    between 0 "$took" 1 || slow=$((slow + 1))
done
wait "${callers[@]}"
equal "eight loads at once all succeed" "8 200" "$(sort "$work"/load-? | uniq -c | xargs)"
equal "and are one" $((loads + 1)) "$(count model_loading "$work/events")"
equal "the status was read $answers times meanwhile, never slowly" 0 "$slow"

echo "# unloading"
call POST "/model/unload?hold_secs=0"
equal "an idle model is unloaded at once" "200 unloaded" "$status $(field state)"
submit long.ogg "/jobs?queue=true"
working=$job
equal "a queued job is taken in any state" 202 "$status"
follow "/jobs/$working/events" "$work/working"
holds "and loads the model" within 60 seen segment "$work/working"
call POST "/model/unload?hold_secs=60"
equal "with work running the unload is accepted" "202 unloading" "$status $(field state)"
holds "and done after the chunk" within 60 state_is unloaded
equal "no memory is left" 0 "$(field memory.used_by_model_bytes)"
holds "queued jobs stay away for a while" test -n "$(field held_until)"
call GET "/jobs/$working"
equal "the job is back in the queue" "queued 1" "$(field status) $(field queue.position)"
holds "with its finished chunks" between 0.1 "$(field progress.percent)" 99.9
first_chunk=$(field progress.chunk)
call POST "/model/load?wait=true"
follow_to_the_end "$working"
equal "a load finishes it" completed "$(names "$work/job-events" | tail -1)"
call GET "/jobs/$working"
if [ -n "${BASE_URL:-}" ]; then skip "nothing is missing or double" "another server may have another model"
else equal "nothing is missing or double" "$(transcript long.ogg)" "$(field result.text)"; fi
resumed=$(sed -n '/^event: started$/,$p' "$work/job-events" | sed '1d' | sed -n '/^event: started$/,$p' |
    sed -n 's/.*"chunk":\([0-9]*\).*/\1/p' | head -1)
equal "it continued where it had stopped" "$first_chunk" "$resumed"

echo "# events"
last=$(ids "$work/events" | tail -1)
holds "events are numbered" between 1 "$last" 1000000
follow /model/events "$work/replay" $((last - 3))
three_more() { [ "$(ids "$work/replay" | wc -l)" -ge 4 ]; }
within 10 three_more
equal "a client that reconnects gets what it missed, and no more" "$last $((last - 2)) $((last - 1)) $last" \
    "$(ids "$work/replay" | xargs)"
if sed '1,/^event: model_status$/d' "$work/events" | sed -n 's/^id: //p' | grow; then ok "and in order"
else bad "and in order" "$(ids "$work/events" | xargs)"; fi

call POST "/model/unload?wait=true"
equal "in the end it is unloaded" unloaded "$(field state)"
conclude
