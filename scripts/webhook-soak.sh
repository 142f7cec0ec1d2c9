#!/bin/sh
# Sends 10,000 webhooks to receivers that refuse 30 % of what they get, kills the service half way, and
# checks every signature with the official Python library: ./scripts/webhook-soak.sh target/release/verbatim
set -eu

verbatim=$1
venv=.venv
if ! "$venv/bin/python" -c 'import standardwebhooks' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet standardwebhooks
fi
exec "$venv/bin/python" scripts/webhook_soak.py "$verbatim"
