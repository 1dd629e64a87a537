#!/usr/bin/env bash
# Looks for exceptions to the laws of what reads bytes of strangers, called by `make fuzz`: so many seconds for each target, or for
# those that are named. What is found is left in fuzz/found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly seconds=$1
shift
readonly memory_mib=2048

scripts/setup.sh build
# libFuzzer itself is C++, and comes as source.
command -v g++ >/dev/null || { echo "fuzz: g++ is missing: apt-get install g++" >&2; exit 1; }
target=$(rustc -vV | sed -n 's/^host: //p')
cd fuzz
# What libFuzzer asks of a build (the passes are the compiler's own, so that any toolchain has them).
flags="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1"
for option in coverage-level=4 coverage-inline-8bit-counters coverage-pc-table coverage-trace-compares; do
  flags+=" -Cllvm-args=-sanitizer-$option"
done

RUSTFLAGS=$flags ${CARGO:-cargo} build --release --locked --target "$target" --target-dir target

if [[ $# -eq 0 ]]; then
  set -- sftp shell gated screen postgres sql
fi
mkdir -p found
failed=()
for name; do
  mkdir -p "corpus/$name"
  echo "fuzz: $name for ${seconds} s" >&2
  "target/$target/release/$name" -max_total_time="$seconds" -rss_limit_mb="$memory_mib" -max_len=4096 -timeout=10 \
    -print_final_stats=1 -artifact_prefix="found/$name-" "corpus/$name" >"found/$name.log" 2>&1 || failed+=("$name")
  grep -E '^(stat::(number_of_executed_units|peak_rss_mb)|#[0-9]+.DONE|SUMMARY|.*panicked at)' "found/$name.log" || true
done
if [[ ${#failed[@]} -gt 0 ]]; then
  echo "fuzz: exceptions were found, see fuzz/found: ${failed[*]}" >&2
  exit 1
fi
