#!/usr/bin/env bash
# Installs what building and testing needs on Debian 12, and only what is missing; safe to run again.
#
#   scripts/setup.sh build   what compiling needs (fast)
#   scripts/setup.sh fuzz    that, and what libFuzzer is built with
#   scripts/setup.sh core    that, and PostgreSQL, OpenSSH and the mail server
#   scripts/setup.sh full    that, and PgBouncer, Chromium, the SSH clients people use, npm packages, cargo-nextest (the default)
#
# Runs as root or with sudo. Starts no service and creates no database cluster: tests start their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly policy=/usr/sbin/policy-rc.d
readonly cluster_settings=/etc/postgresql-common/createcluster.conf
readonly node_major_min=20

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "must be root or have sudo, for: $*"
  fi
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

remove_policy() { as_root rm -f "$policy"; }

# Debian starts services on installation unless this file says no.
deny_service_starts() {
  if [ -e "$policy" ]; then
    say "left $policy alone: it exists"
    return
  fi
  trap remove_policy EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
}

deny_main_cluster() {
  if [ ! -e "$cluster_settings" ]; then
    as_root mkdir -p "$(dirname "$cluster_settings")"
    echo 'create_main_cluster = false' | as_root tee "$cluster_settings" >/dev/null
    say "wrote $cluster_settings, so that installing PostgreSQL creates no cluster"
  elif ! grep -Eq '^[[:space:]]*create_main_cluster[[:space:]]*=[[:space:]]*false' "$cluster_settings"; then
    say "left $cluster_settings alone: it exists; a cluster may be created, but is not started"
  fi
}

install_packages() {
  local package missing=()
  for package in "$@"; do
    if is_installed "$package"; then
      say "skipped $package: installed"
    else
      missing+=("$package")
    fi
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "no apt-get here; install by hand: ${missing[*]}"
  deny_service_starts
  case " ${missing[*]} " in *" postgresql-15 "*) deny_main_cluster ;; esac
  say "installing ${missing[*]}"
  as_root apt-get -q -o DPkg::Lock::Timeout=600 update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Options::=--force-confold \
    install "${missing[@]}"
  if [ -d /run/systemd/system ]; then
    say "note: units of these packages stay enabled and start at the next boot; disable them if unwanted"
  fi
}

install_node() {
  if command -v node >/dev/null && command -v npm >/dev/null; then
    say "skipped nodejs: $(node --version) is there"
  else
    install_packages nodejs npm
  fi
  local major
  major=$(node --print 'process.versions.node.split(".")[0]')
  if [ "$major" -lt "$node_major_min" ]; then
    say "warning: Node.js $major is older than $node_major_min, which the browser tests need"
  fi
}

install_npm_packages() {
  local folder=$1
  if [ ! -e "$folder/package-lock.json" ]; then
    say "skipped npm packages of $folder: no package-lock.json there"
  elif [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
    say "skipped npm packages of $folder: up to date"
  else
    say "installing npm packages of $folder"
    (cd "$folder" && npm ci --no-audit --no-fund)
  fi
}

install_nextest() {
  if command -v cargo-nextest >/dev/null; then
    say "skipped cargo-nextest: installed"
  else
    say "installing cargo-nextest"
    cargo install --locked cargo-nextest
  fi
}

stage_build() {
  # pg_query's build script reads C headers through libclang; the headers are a package of their own.
  install_packages libclang1-14 libclang-common-14-dev
  install_node
}

stage_fuzz() {
  stage_build
  # libFuzzer is C++, and comes as source.
  install_packages g++
}

stage_core() {
  stage_build
  install_packages postgresql-15 postgresql-client openssh-client openssh-server procps python3-aiosmtpd fish tcsh
}

stage_full() {
  stage_build
  # One apt call: apt's own start costs more than most of these packages.
  install_packages postgresql-15 postgresql-client openssh-client openssh-server procps python3-aiosmtpd pgbouncer chromium \
    lftp rsync git ansible-core python3-paramiko python3-asyncssh putty-tools ssh-audit fish tcsh
  install_npm_packages web
  install_npm_packages tests/browser
  install_nextest
}

case "${1:-full}" in
  build) stage_build ;;
  fuzz) stage_fuzz ;;
  core) stage_core ;;
  full) stage_full ;;
  *) fail "unknown stage \`$1\`: say build, fuzz, core or full" ;;
esac
say "done (${1:-full})"
