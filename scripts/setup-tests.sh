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
require faketime faketime
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

# Each list has an environment of its own; one that is in $clients has been installed.
clients=target/clients
mkdir -p "$clients"
install_list() { # list environment
    if cmp -s "tests/clients/$1.txt" "$clients/$1.txt"; then return; fi
    python3 -m venv "$clients/$2" &&
        "$clients/$2/bin/pip" install --quiet --disable-pip-version-check -r "tests/clients/$1.txt" >&2 &&
        cp "tests/clients/$1.txt" "$clients/"
}
install_optional() { # list what
    install_list "$1" "$1" || {
        rm -rf "${clients:?}/$1"
        echo "$2 cannot be installed: the tests that need it are skipped" >&2
    }
}
install_list requirements venv
install_optional schemathesis schemathesis
install_optional s3 "the server of S3"
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
