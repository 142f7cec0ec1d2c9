#!/bin/sh
# Installs what only the tests need: programs that make and convert recordings, PostgreSQL, and clients that others wrote, in
# target/clients (a Python environment in venv/, Node's packages in node/).
set -eu
cd "$(dirname "$0")/.."

apt_install() {
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2
}

packages=""
require() { command -v "$1" >/dev/null || packages="$packages $2"; }
require ffmpeg ffmpeg
require sox "sox libsox-fmt-all"
require espeak-ng espeak-ng
require bwrap bubblewrap
require node nodejs
require npm npm
require python3 python3
# The server itself: its programs are not in the path.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || require initdb postgresql
# Debian has the module apart from its interpreter.
python3 -c 'import ensurepip' 2>/dev/null || packages="$packages python3-venv"

if [ -n "$packages" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "The tests need these Debian packages or your system's like of them:$packages. Install them, then run this again." >&2
        exit 1
    fi
    echo "installing$packages" >&2
    # shellcheck disable=SC2086 # one word a package
    apt_install $packages
fi

# The tests of the web page are skipped without a browser.
if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then
    echo "installing chromium" >&2
    if ! command -v apt-get >/dev/null || ! apt_install --no-install-recommends chromium; then
        echo "chromium cannot be installed: the tests of the web page are skipped" >&2
    fi
fi

# A list that is in $clients has been installed.
clients=target/clients
mkdir -p "$clients"
if ! cmp -s tests/clients/requirements.txt "$clients/requirements.txt"; then
    python3 -m venv "$clients/venv"
    "$clients/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/clients/requirements.txt >&2
    cp tests/clients/requirements.txt "$clients/"
fi
if ! cmp -s tests/clients/schemathesis.txt "$clients/schemathesis.txt"; then
    if python3 -m venv "$clients/schemathesis" &&
        "$clients/schemathesis/bin/pip" install --quiet --disable-pip-version-check -r tests/clients/schemathesis.txt >&2; then
        cp tests/clients/schemathesis.txt "$clients/"
    else
        rm -rf "$clients/schemathesis"
        echo "schemathesis cannot be installed: the test that needs it is skipped" >&2
    fi
fi
if ! cmp -s tests/clients/s3.txt "$clients/s3.txt"; then
    if python3 -m venv "$clients/s3" &&
        "$clients/s3/bin/pip" install --quiet --disable-pip-version-check -r tests/clients/s3.txt >&2; then
        cp tests/clients/s3.txt "$clients/"
    else
        rm -rf "$clients/s3"
        echo "the server of S3 cannot be installed: the tests that need it are skipped" >&2
    fi
fi
# The program that checks alerts, without the server that Debian has in the same package: 19 MB to download.
if ! command -v promtool >/dev/null && [ ! -x "$clients/promtool" ] && command -v apt-get >/dev/null; then
    download=$(mktemp -d)
    if (cd "$download" && apt-get download -qq prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb .); then
        cp "$download/usr/bin/promtool" "$clients/promtool"
    else
        echo "promtool cannot be downloaded: alerts are not checked" >&2
    fi
    rm -rf "$download"
fi
if ! cmp -s tests/clients/package.json "$clients/node/package.json"; then
    rm -rf "$clients/node"
    mkdir -p "$clients/node.new"
    cp tests/clients/package.json "$clients/node.new/"
    npm install --prefix "$clients/node.new" --no-package-lock --no-audit --no-fund --silent >&2
    mv "$clients/node.new" "$clients/node"
fi
