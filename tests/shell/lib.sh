# What the shell tests share: a server to test, calls to it, checks. Sourced, not run.
# shellcheck shell=bash

set -u

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
recordings=$root/tests/fixtures/audio

for tool in curl python3; do
    if ! command -v "$tool" >/dev/null; then
        echo "this test needs $tool: install it" >&2
        exit 2
    fi
done

work=$(mktemp -d)
server="" followers=()
passed=0 failed=0 skipped=0

# The server under test: BASE_URL, or one of our own with the bundled model.
# NAME=VALUE…: its settings, beside the usual ones.
start_server() {
    if [ -n "${BASE_URL:-}" ]; then
        base=${BASE_URL%/}
        if ! curl -sS --max-time 10 "$base/health" >"$work/health"; then
            echo "there is no server at $base: start one, or leave BASE_URL out" >&2
            exit 2
        fi
        return
    fi
    local verbatim=${VERBATIM:-$root/target/debug/verbatim}
    if [ ! -x "$verbatim" ]; then
        echo "there is no $verbatim: run \`cargo build\`, or set VERBATIM or BASE_URL" >&2
        exit 2
    fi
    mkfifo "$work/said"
    env VERBATIM__SERVER__PORT=0 VERBATIM__STORAGE__DIR="$work/data" \
        VERBATIM__MODEL__PATH="$root/tests/fixtures/ggml-words-q8_0.bin" VERBATIM__ENGINE__COMPUTE_TYPE=float32 "$@" \
        "$verbatim" serve >"$work/said" 2>"$work/log" &
    server=$!
    local line
    if ! read -r line <"$work/said"; then
        cat "$work/log" >&2
        exit 2
    fi
    base=${line#listening on }
}

finish() {
    local pid
    for pid in "${followers[@]}"; do kill "$pid" 2>/dev/null; done
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
        wait "$server"
        [ "$failed" = 0 ] || { echo "--- the server's log"; grep -v 'answered status=2' "$work/log" | tail -n 40; } >&2
    fi
    rm -rf "$work"
}
trap finish EXIT

# Prints the closing line; the test's exit status.
conclude() {
    local also=""
    [ "$skipped" = 0 ] || also=", $skipped skipped"
    echo "$passed passed, $failed failed$also"
    [ "$failed" = 0 ]
}

ok() { # NAME
    passed=$((passed + 1))
    echo "ok   $1"
}

bad() { # NAME WHAT
    failed=$((failed + 1))
    echo "FAIL $1: $2"
}

skip() { # NAME WHY
    skipped=$((skipped + 1))
    echo "skip $1: $2"
}

equal() { # NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "expected '$2', got '$3'"; fi
}

holds() { # NAME COMMAND…
    local name=$1
    shift
    if "$@"; then ok "$name"; else bad "$name" "$* does not hold (status $status, body $(head -c 300 <<<"$body"))"; fi
}

between() { # LEAST NUMBER MOST
    python3 -c 'import sys; low, n, high = map(float, sys.argv[1:]); sys.exit(not low <= n <= high)' "$@" 2>/dev/null
}

# Calls the server: METHOD PATH [curl's arguments]. The answer is in $status, $body and, by name, `header`.
call() {
    local method=$1 path=$2
    shift 2
    status=$(curl -sS -X "$method" -D "$work/head" -o "$work/body" -w '%{http_code}' "$@" "$base$path")
    body=$(cat "$work/body")
}

header() { # NAME
    tr -d '\r' <"$work/head" | awk -v name="$1:" 'tolower($1) == name { print $2; exit }'
}

# A field of the last answer, such as `idle.unloads_at`: null is empty.
field() {
    python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."):
    value = None if value is None else value[int(key) if key.isdigit() else key]
print("" if value is None else json.dumps(value) if isinstance(value, (bool, dict, list)) else value)' "$work/body" "$1"
}

model() { # A field of the model's status.
    call GET /model/status
    field "$1"
}

# Tries COMMAND… until it succeeds, at most SECONDS long.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

state_is() { [ "$(model state)" = "$1" ]; }

submit() { # RECORDING PATH [curl's arguments]: leaves the job's id in $job
    local recording=$1 path=$2
    shift 2
    call POST "$path" -F "file=@$recordings/$recording" "$@"
    job=""
    [ "$status" != 202 ] || job=$(field id)
}

# Follows a stream of events into a file: PATH FILE [LAST-EVENT-ID].
follow() {
    local resume=()
    [ -z "${3:-}" ] || resume=(-H "Last-Event-ID: $3")
    : >"$2"
    curl -sSN "${resume[@]}" "$base$1" >"$2" &
    followers+=($!)
    within 10 test -s "$2"
}

names() { sed -n 's/^event: //p' "$1"; } # FILE
ids() { sed -n 's/^id: //p' "$1"; }      # FILE
count() { names "$2" | grep -cx "$1"; }  # NAME FILE
seen() { names "$2" | grep -qx "$1"; }   # NAME FILE

# Waits for the end of a job, whose events are then in $work/job-events.
follow_to_the_end() {
    curl -sSN --max-time 300 "$base/jobs/$1/events" >"$work/job-events"
}

# Whether the numbers on stdin grow from line to line.
grow() { python3 -c 'import sys
numbers = [int(line) for line in sys.stdin]
sys.exit(not numbers or any(a >= b for a, b in zip(numbers, numbers[1:])))'; }

transcript() { # RECORDING: what is said in it
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]]["text"])' "$recordings/truth.json" "$1"
}
