#!/bin/sh
# Has Prometheus's promtool check the alerts of deploy/prometheus, and run their tests. Without promtool it says so and ends with 0.
set -eu
cd "$(dirname "$0")/.."

promtool=target/clients/promtool
[ -x "$promtool" ] || promtool=$(command -v promtool) || {
    echo "skipped: promtool is not installed; \`make setup-tests\` does that on Debian" >&2
    exit 0
}
cd deploy/prometheus
case $promtool in target/*) promtool=../../$promtool ;; esac
"$promtool" check rules alerts.yml
"$promtool" test rules alerts_test.yml
"$promtool" check config --syntax-only scrape.yml
