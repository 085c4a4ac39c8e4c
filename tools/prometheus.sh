#!/usr/bin/env bash
# Puts prometheus and promtool into .venv/bin: those of the machine, or else those of Debian's
# package, which is unpacked there and not installed. Where neither is to be had the tests that
# need them are skipped, and say so.
set -euo pipefail
cd "$(dirname "$0")/.."
place=.venv/prometheus
fail() { echo "prometheus and promtool are not available ($1): tests that need them are skipped" >&2; exit 0; }

mkdir -p "$place"
rm -f .venv/bin/prometheus .venv/bin/promtool
if command -v prometheus > /dev/null && command -v promtool > /dev/null; then
    ln -sf "$(command -v prometheus)" "$(command -v promtool)" .venv/bin/
else
    command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null ||
        fail "they are not in PATH, and there is no apt-get"
    state=$(mktemp -d)
    trap 'rm -rf "$state"' EXIT
    chmod 755 "$state"
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    quiet=(-qq -o Acquire::Retries=0 -o Acquire::http::Timeout=20)
    own=(-o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root)
    (
        cd "$state"
        apt-get "${quiet[@]}" -o APT::Sandbox::User=root download prometheus ||
            { apt-get "${quiet[@]}" "${own[@]}" update && apt-get "${quiet[@]}" "${own[@]}" download prometheus; }
    ) > "$state/log" 2>&1 || fail "$(tail -n 1 "$state/log")"
    dpkg-deb -x "$state"/prometheus_*.deb "$place"
    ln -sf ../prometheus/usr/bin/prometheus ../prometheus/usr/bin/promtool .venv/bin/
fi
touch "$place/.ready"
