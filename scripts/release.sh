#!/usr/bin/env bash
# Makes a release in target/package: the archive and the Debian package with their checksums, and a bill of materials where
# `cargo sbom` is installed. The Debian package needs `cargo deb`.
# BIN=PROGRAM packs a program that was built before.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'release: %s\n' "$*" >&2; }

target=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=verbatim-$version-${target%%-*}-linux
out=target/package
rm -rf "$out"
mkdir -p "$out/$name" "$out/lib"

# The C++ runtime, OpenMP and libgcc are linked statically: the linker looks here before the system's folders, and finds the
# archives alone.
for library in libstdc++.a libgomp.a; do
    ln -s "$(c++ -print-file-name="$library")" "$out/lib/"
done
echo 'GROUP ( libgcc_eh.a libgcc.a )' >"$out/lib/libgcc_s.so"
if [ -z "${BIN:-}" ]; then
    LIBRARY_PATH=$PWD/$out/lib cargo build --release --locked
    BIN=${CARGO_TARGET_DIR:-target}/release/verbatim
fi
tree=$out/$name
install -m 0755 "$BIN" "$tree/verbatim"
strip --strip-unneeded "$tree/verbatim"

needed=$(readelf -d "$tree/verbatim" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort | tr '\n' ' ')
glibc=$(objdump -T "$tree/verbatim" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
say "$name: $(du -h "$tree/verbatim" | cut -f 1), needs $needed($glibc or later)"
if grep -qE 'libstdc|libgomp|libgcc' <<<"$needed"; then
    say "the C++ runtime is not linked statically"
    exit 1
fi

mkdir "$tree/completions" "$tree/man"
"$tree/verbatim" man "$tree/man"
"$tree/verbatim" completions bash >"$tree/completions/verbatim.bash"
"$tree/verbatim" completions zsh >"$tree/completions/_verbatim"
"$tree/verbatim" completions fish >"$tree/completions/verbatim.fish"
scripts/config-file.sh >"$tree/config.toml"
env -i "$tree/verbatim" config --config "$tree/config.toml" >/dev/null
scripts/third-party.py "$target" >"$tree/THIRD-PARTY.txt"
install -m 0644 LICENSE-APACHE LICENSE-MIT README.md docs/CHANGELOG.md deploy/systemd/verbatim.service "$tree/"

# The same files give the same archive.
stamp=$(git log -1 --format=%ct)
tar -C "$out" --sort=name --mtime="@$stamp" --owner=0 --group=0 --numeric-owner -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
if cargo deb --version >/dev/null 2>&1; then
    # Its assets have fixed paths: Cargo.toml, [package.metadata.deb].
    ln -s "$name" "$out/tree"
    SOURCE_DATE_EPOCH=$stamp cargo deb --no-build --no-strip --locked --output "$out/"
    rm "$out/tree"
else
    say "cargo-deb is not installed: no Debian package"
fi
if cargo sbom --version >/dev/null 2>&1; then
    cargo sbom --output-format cyclone_dx_json_1_4 >"$out/$name.cdx.json"
else
    say "cargo-sbom is not installed: no bill of materials"
fi
rm -r "${out:?}/lib" "$tree"
(cd "$out" && sha256sum -- * >SHA256SUMS && cat SHA256SUMS)
