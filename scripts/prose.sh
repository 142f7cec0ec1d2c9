#!/bin/sh
# Checks the prose of code and documents: spelling (typos.toml), words that a search engine does not know for
# these things, and the length of test names. Installs the spell checker (scripts/prose.txt) into target/prose.
set -eu
cd "$(dirname "$0")/.."

# Plain words instead: estimate, compute; transcribe, decode, receive; the caller, a client; an event of; a request;
# untrusted; "is not a". An address, a route or a parser is no door.
words='reckon\w*|hears?|heard|whoever|whom|tells?|told|knows|wants|nobody|somebody|someone|dies|died|goes on|anew'
words="$words|knock\w*|bur(y|ied)|swept|doomed|undisturbed|flatline|courier|(is|are|was|were|be) gone"
words="$words|strangers?'?|patience|doors|(?<!there )is no (?!longer\b|more\b|such\b)|(?<!there )are no (?!longer\b|other\b)|is none|lets? in"
# The name of a recipe of whisper.cpp; a user of Debian; a folder of systemd; Python.
allowed='patience: -1\.0|(reuid=|chown )nobody|target\.wants|is None'

failed=0
if git grep -nIPi "\b($words)\b" -- '*.rs' '*.md' '*.toml' '*.sh' '*.py' '*.js' Makefile ':!scripts/prose.sh' ':!docs/CHANGELOG.md' ':!scripts/eval/texts.py' ':!CODE_OF_CONDUCT.md' ':!web/de.js' |
    grep -vP "$allowed"; then
    echo "prose: write these lines in plain technical English (scripts/prose.sh names other words)" >&2
    failed=1
fi

long=$(git ls-files -- '*.rs' | xargs awk '
    FNR == 1 { test = 0 }
    /^ *#\[([a-z_]+::)?test/ { test = 1; next }
    test && match($0, /fn [a-z0-9_]+/) { if (RLENGTH - 3 > 60) print FILENAME ": " substr($0, RSTART + 3, RLENGTH - 3); test = 0 }')
if [ -n "$long" ]; then
    printf '%s\n' "$long"
    echo "prose: a test's name has at most 60 characters" >&2
    failed=1
fi

typos=target/prose/bin/typos
if [ ! -x "$typos" ]; then
    # Debian has the module apart from its interpreter.
    python3 -c 'import ensurepip' 2>/dev/null || ./scripts/setup-tests.sh
    python3 -m venv target/prose
    target/prose/bin/pip install --quiet --disable-pip-version-check --require-hashes -r scripts/prose.txt >&2 ||
        echo "prose: typos cannot be installed; spelling is not checked" >&2
fi
[ ! -x "$typos" ] || "$typos" --format brief || failed=1
exit "$failed"
