#!/usr/bin/env bash
# Installs a Debian package in a fresh Debian that is booted with systemd, uses the service, upgrades, removes and purges it. As
# root, with mmdebstrap and systemd-nspawn (systemd-container); skipped without them. FFMPEG=1 looks at ffmpeg's sandbox, too.
# scripts/check-deb.sh [PACKAGE]
set -euo pipefail
cd "$(dirname "$0")/.."
made=(target/package/*.deb)
package=${1:-${made[0]}}
if [ ! -f "$package" ]; then
    echo "check-deb: no package: name one, or run make release first" >&2
    exit 2
fi
package=$(readlink -f "$package")
for tool in mmdebstrap systemd-nspawn; do
    if [ "$(id -u)" != 0 ] || ! command -v "$tool" >/dev/null; then
        echo "check-deb: skipped, it needs root, mmdebstrap and systemd-nspawn" >&2
        exit 0
    fi
done
with=systemd,systemd-sysv,dbus,adduser,curl,procps
[ -z "${FFMPEG:-}" ] || with+=,ffmpeg,bubblewrap
cache=target/check-deb/$(sha256sum <<<"$with" | cut -c 1-12).tar
if [ ! -e "$cache" ]; then
    mkdir -p "$(dirname "$cache")"
    mmdebstrap --quiet --format=tar --variant=minbase --include="$with" "${SUITE:-bookworm}" "$cache.new"
    mv "$cache.new" "$cache"
fi
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
tar -C "$root" -xf "$cache"
cp "$package" "$root/srv/verbatim.deb"
cp tests/fixtures/ggml-words-q8_0.bin tests/fixtures/audio/en_short.wav "$root/srv/"
if [ -n "${FFMPEG:-}" ]; then
    # Nothing but ffmpeg decodes these.
    chroot "$root" ffmpeg -loglevel error -i /srv/en_short.wav /srv/en_short.wma
fi
cat >"$root/srv/check.sh" <<'END'
#!/bin/bash
set -euxo pipefail
speech() { curl -sSf -F model=whisper-1 -F response_format=text -F "file=@$1" http://127.0.0.1:8080/v1/audio/transcriptions; }
begun=$(date +%s%N)
dpkg -i /srv/verbatim.deb
# Type=notify: it is active once it accepts connections.
[ "$(systemctl is-active verbatim)" = active ]
[ "$(systemctl is-enabled verbatim)" = enabled ]
curl -sSf http://127.0.0.1:8080/health
[ "$(stat -c '%a %U' /var/lib/verbatim)" = '700 verbatim' ]
[ "$(stat -c '%a %U %G' /etc/verbatim/config.toml)" = '640 root verbatim' ]
for file in bin/verbatim share/man/man1/verbatim.1.gz share/bash-completion/completions/verbatim \
    share/zsh/vendor-completions/_verbatim share/fish/vendor_completions.d/verbatim.fish; do
    [ -e "/usr/$file" ]
done
# A model, and settings that name it.
install -d -o verbatim -m 0700 /var/lib/verbatim/models
install -o verbatim -m 0600 /srv/ggml-words-q8_0.bin /var/lib/verbatim/models/ggml-words.bin
sed -i 's/^#name = .*/name = "words"/' /etc/verbatim/config.toml
systemctl restart verbatim
[ "$(speech /srv/en_short.wav)" = 'One two three.' ]
echo "seconds from dpkg to a transcript: $(($(date +%s%N) - begun))e-9"
[ ! -e /srv/en_short.wma ] || [ "$(speech /srv/en_short.wma)" = 'One two three.' ]
[ "$(find /var/lib/verbatim -name verbatim.db -perm 0600 | wc -l)" = 1 ]
[ "$(find /var/lib/verbatim -mindepth 1 ! -user verbatim | wc -l)" = 0 ]
# Reload keeps the process; a crash is followed by a restart.
pid=$(systemctl show -P MainPID verbatim)
systemctl reload verbatim
[ "$(systemctl show -P MainPID verbatim)" = "$pid" ]
[ "$(systemctl show -P WatchdogUSec verbatim)" = 2min ]
kill -9 "$pid"
until [ "$(systemctl show -P NRestarts verbatim)" = 1 ] && [ "$(systemctl is-active verbatim)" = active ]; do sleep 0.1; done
[ "$(speech /srv/en_short.wav)" = 'One two three.' ]
# The sandbox of the unit: what a service that was taken over could write to and see.
pid=$(systemctl show -P MainPID verbatim)
grep -E '^(NoNewPrivs:\s1|CapBnd:\s0+|Seccomp:\s2)$' "/proc/$pid/status" | wc -l | grep -qx 3
! nsenter -t "$pid" -m touch /usr/bin/x
# Installing it again is an upgrade: settings and jobs stay.
dpkg -i /srv/verbatim.deb
[ "$(systemctl is-active verbatim)" = active ]
grep -qx 'name = "words"' /etc/verbatim/config.toml
[ "$(curl -sSf 'http://127.0.0.1:8080/jobs' | grep -o '"id"' | wc -l)" -ge 2 ]
dpkg -r verbatim
[ "$(systemctl is-active verbatim)" != active ]
[ -e /etc/verbatim/config.toml ] && [ -d /var/lib/verbatim/models ] && [ ! -e /usr/bin/verbatim ]
dpkg -P verbatim
[ ! -e /etc/verbatim/config.toml ] && [ ! -e /var/lib/verbatim ]
echo passed >/srv/result
END
cat >"$root/etc/systemd/system/check.service" <<'END'
[Unit]
After=basic.target dbus.service
[Service]
Type=oneshot
TimeoutStartSec=300
ExecStart=/bin/bash /srv/check.sh
ExecStopPost=/bin/sh -c 'journalctl -o cat -u verbatim >/srv/journal; systemctl poweroff --force'
StandardOutput=append:/srv/log
StandardError=append:/srv/log
[Install]
WantedBy=multi-user.target
END
ln -s ../check.service "$root/etc/systemd/system/multi-user.target.wants/check.service"
# Without a network: nothing but what the package brings is used.
timeout 600 systemd-nspawn --quiet --directory="$root" --boot --register=no --keep-unit --private-network --console=pipe \
    </dev/null >"$root/console" 2>&1 || true
if [ ! -e "$root/srv/result" ]; then
    tail -n 20 "$root/srv/log" "$root/srv/journal" "$root/console" >&2 || true
    echo "check-deb: failed" >&2
    exit 1
fi
grep -hE '^seconds from|sandbox|ffmpeg' "$root/srv/log" "$root/srv/journal" | sort -u
echo "check-deb: installed, started, used, upgraded, removed, purged"
