#!/usr/bin/env bash
# An idle model goes by itself, when its time is up and not before. A server that is tested with BASE_URL must run
# with a short IDLE_TIMEOUT_SECS, such as 5.
# shellcheck source-path=SCRIPTDIR source=shell/lib.sh
source "$(dirname "$0")/shell/lib.sh"
start_server IDLE_TIMEOUT_SECS=5

timeout=$(model idle.timeout_secs)
if ! between 1 "$timeout" 30; then
    skip "everything" "the idle time is $timeout s: start the server with IDLE_TIMEOUT_SECS=5"
    conclude
    exit
fi

# Seconds from the end of the last work, by the service's own times, to the model_unloading in the log.
idle_time() { # SINCE AT: two times in RFC 3339
    python3 -c 'import sys
from datetime import datetime
a, b = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in sys.argv[1:])
print((b - a).total_seconds())' "$@"
}

call POST "/model/unload?wait=true&hold_secs=0"
follow /model/events "$work/events"

call POST "/model/load?wait=true"
equal "the model is loaded" ready "$(field state)"
ready_since=$(field since)
unloads_at=$(field idle.unloads_at)
if between "$((timeout - 1))" "$(idle_time "$ready_since" "$unloads_at")" "$((timeout + 1))"; then
    ok "it will go $timeout s after it was ready"
else bad "it will go $timeout s after it was ready" "ready since $ready_since, goes at $unloads_at"; fi

for _ in 1 2 3; do call GET /model/status; done
call GET /health
equal "reading the status changes nothing" "$unloads_at" "$(model idle.unloads_at)"
follow /model/events "$work/other-events"
equal "nor does following the events" "$unloads_at" "$(model idle.unloads_at)"

submit en_short.wav /jobs
follow_to_the_end "$job"
holds "a job ends" seen completed "$work/job-events"
still_working() { [ -n "$(model idle.unloads_at)" ]; }
within 5 still_working
later=$(field idle.unloads_at)
holds "and restarts the idle time" test "$later" \> "$unloads_at"

holds "the model goes by itself" within "$((timeout + 10))" state_is unloaded
call GET /model/status
unloaded_at=$(field since)
if between -1 "$(idle_time "$later" "$unloaded_at")" 1; then ok "to the second"
else bad "to the second" "due at $later, unloaded at $unloaded_at"; fi
reason=$(sed -n '/^event: model_unloading$/{n;s/^data: //p}' "$work/events" | tail -1)
holds "and says that it was idle" grep -q '"reason":"idle"' <<<"$reason"
equal "nothing of it is left" 0 "$(model memory.used_by_model_bytes)"

# More work than the idle time is long.
jobs=()
for _ in 1 2 3 4; do
    submit long.ogg "/jobs?queue=true"
    jobs+=("$job")
done
before=$(count model_unloading "$work/events")
for job in "${jobs[@]}"; do follow_to_the_end "$job"; done
equal "work that takes longer is not interrupted" "$before" "$(count model_unloading "$work/events")"
equal "and all of it is done" completed "$(names "$work/job-events" | tail -1)"
call GET "/jobs/${jobs[0]}"
began=$(field started_at)
call GET "/jobs/${jobs[3]}"
ended=$(field finished_at)
worked=$(idle_time "$began" "$ended")
if between "$timeout" "$worked" 3600; then ok "it took longer: $worked s"
else skip "it took longer" "this server did it in $worked s"; fi
holds "after it the model goes again" within "$((timeout + 10))" state_is unloaded
call GET /model/status
unloaded_at=$(field since)
if between "$((timeout - 1))" "$(idle_time "$ended" "$unloaded_at")" "$((timeout + 1))"; then ok "$timeout s after its end"
else bad "$timeout s after its end" "ended at $ended, unloaded at $unloaded_at"; fi

submit en_short.wav "/jobs?queue=true"
follow_to_the_end "$job"
equal "the next job loads it again" completed "$(names "$work/job-events" | tail -1)"
submit en_short.wav /jobs -F keep_alive=0
follow_to_the_end "$job"
holds "a job with keep_alive 0 leaves nothing" within 3 state_is unloaded
conclude
