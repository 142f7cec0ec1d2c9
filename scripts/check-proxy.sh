#!/bin/sh
# Runs a service behind the nginx and the Caddy of docs/guides/reverse-proxy.md: events arrive at once, a large upload passes, and
# so does an answer that comes before the upload is read. Skips a proxy that is not installed.
# scripts/check-proxy.sh [PROGRAM]
set -eu
cd "$(dirname "$0")/.."
program=${1:-target/release/verbatim}
guide=docs/guides/reverse-proxy.md
dir=$(mktemp -d)
service="" proxy="" follower=""
finish() {
    for pid in $follower $proxy $service; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$dir"
}
trap finish EXIT

# A block of the guide by its language.
block() { awk -v start="\`\`\`$1" '$0 == "```" { inside = 0 } inside { print } $0 == start { inside = 1 }' "$guide"; }

# Waits for a command to succeed, 30 s at most.
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { echo "proxy: never: $*" >&2; exit 1; }
        sleep 0.1
    done
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

VERBATIM__SERVER__PORT=0 VERBATIM__STORAGE__DIR="$dir/data" VERBATIM__LOG__LEVEL=error \
    VERBATIM__SERVER__ALLOWED_HOSTS=speech.example.com VERBATIM__MODEL__PATH=tests/fixtures/ggml-words-q8_0.bin \
    "$program" serve >"$dir/listening" &
service=$!
until_true grep -q listening "$dir/listening"
address=$(sed -n 's,^listening on http://,,p' "$dir/listening")
# 100 MB of silence: more than a proxy's default limit.
python3 - "$dir/silence.wav" <<'END'
import sys, wave
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(bytes(100_000_000))
END

check() {
    name=$1 port=$2
    ask() { curl -sS -H 'Host: speech.example.com' "$@"; }
    answers() { ask -o /dev/null "http://127.0.0.1:$port/health" 2>/dev/null; }
    until_true answers
    ask -X POST "http://127.0.0.1:$port/model/unload?wait=true" >/dev/null
    early=$(ask -o "$dir/early" -w '%{http_code}' -F "file=@$dir/silence.wav" "http://127.0.0.1:$port/jobs")
    if [ "$early" != 503 ] || ! grep -q model_not_ready "$dir/early"; then
        echo "$name: $early instead of the early 503" >&2
        exit 1
    fi
    ask -X POST "http://127.0.0.1:$port/model/unload?wait=true" >/dev/null
    : >"$dir/events"
    ask -N "http://127.0.0.1:$port/model/events" >"$dir/events" 2>/dev/null &
    follower=$!
    until_true grep -q 'event: model_status' "$dir/events"
    ask -X POST "http://127.0.0.1:$port/model/load?wait=true" >/dev/null
    until_true grep -q 'event: model_ready' "$dir/events"
    kill -0 "$follower" || { echo "$name: the stream ended" >&2; exit 1; }
    kill "$follower" && follower=""
    sent=$(ask -o /dev/null -w '%{http_code}' -F "file=@$dir/silence.wav" "http://127.0.0.1:$port/jobs")
    [ "$sent" = 202 ] || { echo "$name: an upload of 100 MB got $sent" >&2; exit 1; }
    echo "$name: events at once, upload of 100 MB, early answer"
}

if command -v nginx >/dev/null; then
    port=$(free_port)
    {
        echo "daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log; events {}"
        echo "http { access_log off; client_body_temp_path $dir/body; proxy_temp_path $dir/proxy;"
        echo "fastcgi_temp_path $dir/fastcgi; uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;"
        block nginx | sed "s/127.0.0.1:8080/$address/; s/listen 443 ssl;/listen 127.0.0.1:$port;/; /ssl_certificate/d"
        echo "}"
    } >"$dir/nginx.conf"
    nginx -t -q -e "$dir/nginx.log" -c "$dir/nginx.conf"
    nginx -e "$dir/nginx.log" -c "$dir/nginx.conf" &
    proxy=$!
    check nginx "$port"
    kill "$proxy"
    wait "$proxy" || true
    proxy=""
else
    echo "nginx is not installed: skipped"
fi

if command -v caddy >/dev/null; then
    port=$(free_port)
    {
        printf '{\n\tadmin off\n}\n'
        block caddyfile | sed "s/127.0.0.1:8080/$address/; s,^speech.example.com {,http://speech.example.com:$port {,"
    } >"$dir/Caddyfile"
    HOME=$dir caddy run --config "$dir/Caddyfile" --adapter caddyfile 2>"$dir/caddy.log" &
    proxy=$!
    check Caddy "$port"
else
    echo "Caddy is not installed: skipped"
fi
