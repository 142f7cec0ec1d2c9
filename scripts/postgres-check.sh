#!/usr/bin/env bash
# Has PostgreSQL read the store's schema and every statement of it: they are written for both engines. It runs on a
# cluster of its own, which is removed afterwards. Without PostgreSQL it says so and ends with 0.
set -euo pipefail
cd "$(dirname "$0")/.."

for bin in /usr/lib/postgresql/*/bin; do PATH=$PATH:$bin; done
for tool in initdb pg_ctl psql; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is missing; this test needs PostgreSQL"
        exit 0
    fi
done

work=$(mktemp -d)
# PostgreSQL does not run as root.
as=""
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=nobody --clear-groups --"
    chown nobody "$work"
fi
cleanup() {
    $as pg_ctl -D "$work/data" -m immediate stop >"$work/stopped" 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT

cd "$work"
$as initdb -D "$work/data" -U verbatim -A trust -N >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
$as pg_ctl -D "$work/data" -w -o "-k $work -c listen_addresses=" -l "$work/server-log" start >"$work/log" || {
    cat "$work/log" "$work/server-log" && exit 1
}
cd - >"$work/log"
python3 scripts/statements.py . | psql -h "$work" -U verbatim -d postgres -q -v ON_ERROR_STOP=1
echo "PostgreSQL understands all of it"
