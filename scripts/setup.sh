#!/bin/sh
# Installs what build and tests need and the machine lacks: cmake, make and a C++ compiler with OpenMP; curl
# and python3 for the shell tests.
# Rust itself is not installed here: see https://rustup.rs.
set -eu

if ! command -v cargo >/dev/null; then
    echo "Rust is missing: install it with rustup (rust-toolchain.toml names the version), then run this again." >&2
    exit 1
fi

missing=""
command -v cmake >/dev/null || missing="$missing cmake"
command -v make >/dev/null || missing="$missing make"
command -v c++ >/dev/null || missing="$missing g++"
command -v curl >/dev/null || missing="$missing curl"
command -v python3 >/dev/null || missing="$missing python3"
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "Build and tests need cmake, make, a C++ compiler with OpenMP, curl and python3. Missing here:$missing. Install them with your package manager (the compiler's package is g++ or gcc-c++), then run this again." >&2
    exit 1
fi

sudo=""
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Build and tests need these packages:$missing. Install them as root: apt-get install$missing" >&2
        exit 1
    fi
    sudo="sudo"
fi
echo "installing$missing" >&2
$sudo apt-get update -qq
# shellcheck disable=SC2086 # one word a package
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >&2
