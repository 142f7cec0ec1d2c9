#!/usr/bin/env bash
# The model's life from outside: every state, its events, and many requests at once.
#
#   tests/test_model_lifecycle.sh                                  starts servers of its own
#   BASE_URL=http://localhost:8080 tests/test_model_lifecycle.sh   tests that one
# shellcheck source-path=SCRIPTDIR source=shell/lib.sh
source "$(dirname "$0")/shell/lib.sh"
# shellcheck disable=SC2119
start_server

call POST "/model/unload?wait=true&hold_secs=0"
python3 "$root/tests/shell/webhook_receiver.py" "$work/port" "$work/webhooks" &
followers+=($!)
within 10 test -s "$work/port"
hook=http://127.0.0.1:$(cat "$work/port")/hook
call POST /webhooks -H 'content-type: application/json' -d "{\"url\":\"$hook\"}"
webhooks=$status subscriber=""
[ "$webhooks" -ge 300 ] || subscriber=$(field id)
hooked() { grep -q "\"type\": \"$1\"" "$work/webhooks"; }
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
holds "and told when to come back" between 1 "$(header retry-after)" 60
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
equal "keep_alive=-1 lets it stay" "" "$(model idle.unloads_at)"
call POST "/model/load?keep_alive=soon"
equal "a bad keep_alive is a 400" "400 keep_alive" "$status $(field error.param)"
call POST "/model/load?keep_alive=0"
holds "keep_alive=0 lets it go" within 5 state_is unloaded

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
caught=no
for _ in 1 2 3 4 5 6 7 8 9 10; do
    readies=$(count model_ready "$work/events") gone=$(count model_unloaded "$work/events")
    call POST /model/load
    call POST "/model/unload?hold_secs=0"
    one_more_gone() { [ "$(count model_unloaded "$work/events")" -gt "$gone" ]; }
    within 30 one_more_gone
    [ "$(count model_ready "$work/events")" != "$readies" ] || { caught=yes && break; }
done
equal "a load that is interrupted never becomes ready" "yes unloaded" "$caught $(model state)"

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
equal "it went on where it had stopped" "$first_chunk" "$resumed"

echo "# events"
last=$(ids "$work/events" | tail -1)
holds "events are numbered" between 1 "$last" 1000000
follow /model/events "$work/replay" $((last - 3))
three_more() { [ "$(ids "$work/replay" | wc -l)" -ge 4 ]; }
within 10 three_more
equal "who comes back gets what was missed, and no more" "$last $((last - 2)) $((last - 1)) $last" \
    "$(ids "$work/replay" | xargs)"
if sed '1,/^event: model_status$/d' "$work/events" | sed -n 's/^id: //p' | grow; then ok "and in order"
else bad "and in order" "$(ids "$work/events" | xargs)"; fi

echo "# webhooks"
if [ "$webhooks" -ge 300 ]; then
    skip "webhooks" "this server does not send to this machine ([webhooks] allow_private)"
else
    submit en_short.wav "/jobs?queue=true" -F "webhook_url=$hook"
    follow_to_the_end "$job"
    call POST "/model/unload?wait=true"
    holds "subscribers receive model_ready" within 20 hooked model_ready
    holds "and of model_unloaded" within 20 hooked model_unloaded
    holds "a job's owner receives its end" within 20 hooked job_completed
    holds "every message has an id and a time" python3 -c 'import json, sys
lines = [json.loads(line)["headers"] for line in open(sys.argv[1])]
sys.exit(not all(h.get("webhook-id") and h.get("webhook-timestamp") for h in lines))' "$work/webhooks"
    call DELETE "/webhooks/$subscriber"
    equal "a subscriber can be removed" 204 "$status"
fi

echo "# waiting for memory, and failing"
if [ -n "${BASE_URL:-}" ]; then
    skip "waiting_for_gpu" "it needs a server with too little memory"
    skip "failed" "it needs a server without its model"
else
    another_server() {
        kill "$server"
        wait "$server"
        rm -f "$work/said"
        start_server "$@"
    }
    another_server VERBATIM__ENGINE__MEMORY_LIMIT_BYTES=40000000 GPU_POLL_INTERVAL_SECS=1
    submit en_short.wav "/jobs?queue=true"
    holds "a model without memory waits" within 30 state_is waiting_for_gpu
    holds "it needs more than there is" test "$(field waiting.needed_bytes)" -gt "$(field waiting.free_bytes)"
    tried_again() { [ "$(model waiting.attempts)" -ge 3 ]; }
    holds "and tries again and again" within 30 tried_again
    submit en_short.wav /jobs
    equal "jobs are turned away meanwhile" "503 waiting_for_gpu" "$status $(field model.state)"
    call GET "/jobs?status=queued"
    holds "the queued one is kept" test -n "$(field jobs.0.id)"
    call POST /model/unload
    equal "an unload ends the tries" "200 unloaded" "$status $(field state)"

    another_server VERBATIM__MODEL__PATH="$work/model.bin"
    call POST "/model/load?wait=true"
    equal "a model without its file fails" "422 model_not_found" "$status $(field error.code)"
    equal "and says so" "failed model_not_found" "$(model state) $(field error.code)"
    submit en_short.wav /jobs
    equal "jobs are told to come back in a minute" "503 60" "$status $(header retry-after)"
    cp "$root/tests/fixtures/ggml-words-q8_0.bin" "$work/model.bin"
    call POST "/model/load?wait=true"
    equal "with its file it loads" "200 ready" "$status $(field state)"
fi
call POST "/model/unload?wait=true"
equal "in the end it is unloaded" unloaded "$(field state)"
conclude
