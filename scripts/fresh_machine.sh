#!/usr/bin/env bash
# A new Debian 12 in a folder: README's two commands in it, then the install of docs/runbooks/one-machine.md under systemd.
#
#   scripts/fresh_machine.sh [demo|test ...]
#
# Without words both of README's commands run. It needs root, debootstrap and systemd-nspawn (package systemd-container),
# takes the commit that is checked out, and leaves nothing behind. The booted machine shares this one's network.
#
# What is special about this machine is handed in by its environment:
#   DEBIAN_MIRROR                          where Debian's packages come from; http://deb.debian.org/debian by default
#   SSL_CERT_FILE                          a bundle of authorities that is trusted there instead of Debian's
#   http_proxy, https_proxy, no_proxy      proxies, in small letters or large
#   UV_DEFAULT_INDEX                       the index of Python packages
#   FRESH_FOLDER                           where the folder is made; /var/tmp by default, 5 GB are needed
set -euo pipefail

readonly MIRROR="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
readonly PACKAGES=ca-certificates,curl,dbus,git,make,python3,python3-venv,systemd,systemd-sysv,tzdata
readonly PORT=18080 VENUE_PORT=19055
checkout="$(cd "$(dirname "$0")/.." && pwd)"
handed=()

fail() {
  echo "fresh_machine.sh: $*" >&2
  exit 1
}

# Seconds since the script began, and what has come about.
tell() {
  printf '%5d s  %s\n' "$SECONDS" "$*"
}

needed() {
  [ "$(id -u)" = 0 ] || fail "it makes a root file system: run it as root"
  for program in debootstrap systemd-nspawn nsenter curl git; do
    command -v "$program" >/dev/null || fail "$program is missing: apt-get install debootstrap systemd-container util-linux curl git"
  done
}

cleaned() {
  if [ -n "${booted:-}" ] && kill -0 "$booted" 2>/dev/null; then
    kill -TERM "$booted"
    wait "$booted" || echo "the machine was ended" >&2
  fi
  rm -rf --one-file-system "$place"
}

# The settings of this machine that commands inside are told.
hand_in() {
  local name
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY UV_DEFAULT_INDEX; do
    [ -z "${!name:-}" ] || handed+=("--setenv=$name=${!name}")
  done
  if [ -n "${SSL_CERT_FILE:-}" ]; then
    install -D -m 0644 "$SSL_CERT_FILE" "$root/etc/ssl/handed-in.crt"
    for name in SSL_CERT_FILE GIT_SSL_CAINFO; do
      handed+=("--setenv=$name=/etc/ssl/handed-in.crt")
    done
  fi
}

# Run a command in the root file system, before it is booted.
inside() {
  SYSTEMD_LOG_LEVEL=crit systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --resolv-conf=copy-host \
    --chdir=/src "${handed[@]}" "$@"
}

# Run a command on the booted machine.
booted_run() {
  nsenter --target "$leader" --mount --uts --ipc --pid --cgroup --root --wd=/ "$@"
}

until_ready() {
  local tries
  for tries in $(seq 600); do
    if curl --noproxy '*' --silent --fail --output /dev/null "http://127.0.0.1:$PORT/ready"; then
      return
    fi
    sleep 0.1
  done
  booted_run journalctl --no-pager --lines=40 >&2 || echo "its journal cannot be read" >&2
  fail "the service was not ready within a minute, $tries times asked"
}

# The steps of docs/runbooks/one-machine.md; prices are invented, until yesterday.
install_paper() {
  inside useradd --system --home-dir /var/lib/quant --shell /usr/sbin/nologin quant
  inside install -d -m 0750 -g quant /etc/quant
  inside install -d -o quant -g quant /var/lib/quant
  inside sh -c '.tools/uv export --quiet --frozen --no-hashes --no-emit-workspace --package quant-platform-kit \
    --extra data --extra sql --extra web >/tmp/pins.txt &&
    .tools/uv venv --quiet --python /usr/bin/python3 /opt/quant &&
    .tools/uv pip install --quiet --python /opt/quant/bin/python --no-sources --constraints /tmp/pins.txt \
    "./packages/quant_platform_kit[data,sql,web]" ./packages/us_equity_strategies ./apps/paper'
  inside .venv/bin/python -c '
from datetime import UTC, datetime, timedelta
from pathlib import Path
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.testing.synthetic import synthetic_prices
from venue_sandbox.demo.market import FIRST, write_prices
yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
prices = synthetic_prices(("AGG", "BIL", "EFA", "SPY"), load_calendar("XNYS"), FIRST, yesterday)
write_prices(prices, Path("/var/lib/quant/prices.csv"))'
  cat >"$root/etc/quant/paper.env" <<SETTINGS
PAPER_ACCOUNT='PAPER-1'
VENUE_CASH='100000'
PAPER_VENUE_PORT='$VENUE_PORT'
PAPER_PRICES='/var/lib/quant/prices.csv'
STRATEGY_PROFILE='dual_momentum'
STORE_URL='sqlite:////var/lib/quant/ledger.db'
REPORT_STORE_URL='file:///var/lib/quant/reports'
HOST='127.0.0.1'
PORT='$PORT'
SETTINGS
  inside sh -c 'install -m 0644 infra/systemd/quant* /etc/systemd/system/'
  inside systemctl --quiet enable quant-venue.service quant@paper.service quant-run@paper.timer quant-watchdog@paper.timer
}

# As the runbook says: another time in the timer, and the same in the service.
run_at() {
  local at="$1" unit="$root/etc/systemd/system"
  install -d "$unit/quant-run@paper.timer.d" "$unit/quant-run@paper.service.d"
  printf '[Timer]\nOnCalendar=\nOnCalendar=*-*-* %s:00 America/New_York\nAccuracySec=1s\n' "$at" >"$unit/quant-run@paper.timer.d/at.conf"
  sed -n "s/^ExecStart=/[Service]\nExecStart=\n&/p" "$unit/quant-run@.service" | sed "s/15:45/$at/" >"$unit/quant-run@paper.service.d/at.conf"
}

boot() {
  systemd-nspawn --quiet --boot --register=no --keep-unit --directory="$root" --resolv-conf=copy-host --console=pipe \
    >"$place/console" 2>&1 </dev/null &
  booted=$!
  until_ready_leader
  until_ready
}

until_ready_leader() {
  local tries
  for tries in $(seq 100); do
    leader="$(pgrep --parent "$booted" | head -n 1)" && [ -n "$leader" ] && return
    sleep 0.1
  done
  fail "the machine did not boot, $tries times asked: $(tail -n 5 "$place/console")"
}

needed
place="$(mktemp -d "${FRESH_FOLDER:-/var/tmp}/fresh-machine.XXXXXX")"
root="$place/root"
trap cleaned EXIT
debootstrap --variant=minbase --include="$PACKAGES" bookworm "$root" "$MIRROR" >"$place/debootstrap" ||
  fail "debootstrap: $(tail -n 5 "$place/debootstrap")"
tell "Debian $(cat "$root/etc/debian_version")"
hand_in
git clone --quiet "$checkout" "$root/src"

if [ $# = 0 ]; then set -- demo test; fi
for target in "$@"; do
  inside make "$target" >"$place/$target" 2>&1 ||
    fail "make $target: $(sed -n '/= \(ERRORS\|FAILURES\) =/,$p' "$place/$target" | head -n 300; tail -n 30 "$place/$target")"
  tell "make $target"
done

install_paper
tell "the paper service is installed"
run_at "$(TZ=America/New_York date --date='now + 75 seconds' +%H:%M)"
boot
tell "booted, and the service is ready"

for _ in $(seq 200); do
  runs="$(curl --noproxy '*' --silent --fail "http://127.0.0.1:$PORT/runs")"
  case "$runs" in *'"run_id"'*) break ;; esac
  sleep 1
done
outcome="$(printf '%s' "$runs" | python3 -c 'import json, sys; (run,) = json.load(sys.stdin)["runs"]; print(run["run_id"], run["outcome"])')" ||
  fail "the timer started no run: $(booted_run systemctl list-timers --no-pager 'quant-*')"
tell "the timer has started a run: $outcome"

before="$(booted_run systemctl show --property=MainPID --value quant@paper.service)"
began="$(date +%s.%N)"
booted_run systemctl kill --kill-whom=main --signal=KILL quant@paper.service
sleep 0.5
until_ready
after="$(booted_run systemctl show --property=MainPID --value quant@paper.service)"
[ "$before" != "$after" ] || fail "the service that was killed is still there"
tell "killed with SIGKILL; ready again after $(python3 -c "import time; print(round(time.time() - $began, 1))") s"
booted_run systemctl poweroff
wait "$booted" || fail "the machine did not end well: $(tail -n 5 "$place/console")"
unset booted
tell "ended"
