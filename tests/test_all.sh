#!/usr/bin/env bash
# The way of a job, from an unloaded model to a transcript and back.
#
#   tests/test_all.sh                                  starts a server of its own
#   BASE_URL=http://localhost:8080 tests/test_all.sh   tests that one
# shellcheck source-path=SCRIPTDIR source=shell/lib.sh
source "$(dirname "$0")/shell/lib.sh"
# shellcheck disable=SC2119
start_server

call GET /health
equal "the server is well" 200 "$status"
equal "health says so" ok "$(field status)"
holds "health counts jobs" test -n "$(field jobs.queued)"
equal "it is ready for work" 200 "$(call GET /health/ready && echo "$status")"

call POST "/model/load?wait=true"
equal "the model loads before the job" 200 "$status"
equal "and is ready" ready "$(field state)"
call GET /health
equal "health shows it" ready "$(field model_state)"
follow /model/events "$work/model-events"
equal "model events begin with the status" model_status "$(names "$work/model-events" | head -1)"

submit long.ogg /jobs -F 'metadata={"case":7}'
equal "the job is taken in" 202 "$status"
equal "and has a place" "/jobs/$job" "$(header location)"
follow_to_the_end "$job"
equal "its events begin with queued" queued "$(names "$work/job-events" | head -1)"
equal "and end with completed" completed "$(names "$work/job-events" | tail -1)"
holds "it went chunk by chunk" between 5 "$(count progress "$work/job-events")" 1000
if ids "$work/job-events" | grow; then ok "events are numbered in order"
else bad "events are numbered in order" "$(ids "$work/job-events" | tr '\n' ' ')"; fi

call GET "/jobs/$job"
equal "the job is completed" completed "$(field status)"
equal "all of it" 100.0 "$(field progress.percent)"
equal "with its metadata" 7 "$(field metadata.case)"
call GET "/jobs/$job/transcript?format=text"
if [ -n "${BASE_URL:-}" ]; then skip "the transcript is what was said" "another server may have another model"
else equal "the transcript is what was said" "$(transcript long.ogg)" "$body"; fi
call GET "/jobs/$job/transcript?format=srt"
holds "it comes as subtitles too" grep -q -- '-->' "$work/body"
call GET /jobs
equal "the list has it first" "$job" "$(field jobs.0.id)"

call GET "/jobs/00000000-0000-7000-8000-000000000000"
equal "a job that is not there is a 404" "404 job_not_found" "$status $(field error.code)"
call POST /jobs -F "file=@$root/README.md"
equal "what is not a recording is a 415" "415 unsupported_media" "$status $(field error.code)"

call DELETE "/jobs/$job"
equal "an ended job is removed" 204 "$status"
call POST "/model/unload?wait=true"
equal "the model is unloaded at the end" "200 unloaded" "$status $(field state)"
call GET /health
equal "health shows that as well" unloaded "$(field model_state)"
conclude
