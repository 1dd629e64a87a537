#!/usr/bin/env bash
# The whole test run, called by `make test`. Components install in the background of the compilation.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly setup_log=target/setup-full.log

scripts/setup.sh build
make assets

mkdir -p target
scripts/setup.sh full >"$setup_log" 2>&1 &
setup=$!
# A failed compilation must not tear an installation apart: it is waited for in any case.
trap 'wait' EXIT

# The same artifacts that cargo-nextest uses, which may still be installing.
cargo test --workspace --no-run
make lint

if wait "$setup"; then
  grep -E '^setup: ' "$setup_log" || true
else
  echo "scripts/setup.sh full failed; its log:" >&2
  cat "$setup_log" >&2
  exit 1
fi

cargo nextest run --workspace
cargo test --doc --workspace
