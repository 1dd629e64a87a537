#!/usr/bin/env bash
# Looks for exceptions to the laws of what reads bytes of strangers, called by `make fuzz`: so many seconds for each target, or for
# those that are named. What is found is left in fuzz/found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly seconds=$1
shift
readonly memory_mib=2048

readonly targets=(sftp shell gated screen postgres sql)

for name; do
  case " ${targets[*]} " in *" $name "*) ;; *) echo "fuzz: no target \`$name\`: there are ${targets[*]}" >&2; exit 1 ;; esac
done
[[ $# -gt 0 ]] || set -- "${targets[@]}"
scripts/setup.sh fuzz
target=$(rustc -vV | sed -n 's/^host: //p')
cd fuzz
# What libFuzzer asks of a build (the passes are the compiler's own, so that any toolchain has them).
flags="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1"
for option in coverage-level=4 coverage-inline-8bit-counters coverage-pc-table coverage-trace-compares; do
  flags+=" -Cllvm-args=-sanitizer-$option"
done

RUSTFLAGS=$flags ${CARGO:-cargo} build --release --locked --target "$target" --target-dir target

mkdir -p found
failed=()
for name; do
  mkdir -p "corpus/$name"
  # What was found once is tried first.
  for found in "found/$name-"*; do
    [[ ! -e $found ]] || "target/$target/release/$name" "$found" >"found/$name.log" 2>&1 || { failed+=("$name"); continue 2; }
  done
  echo "fuzz: $name for ${seconds} s" >&2
  "target/$target/release/$name" -max_total_time="$seconds" -rss_limit_mb="$memory_mib" -max_len=4096 -timeout=10 \
    -print_final_stats=1 -artifact_prefix="found/$name-" "corpus/$name" >"found/$name.log" 2>&1 || failed+=("$name")
  grep -E '^(stat::(number_of_executed_units|peak_rss_mb)|#[0-9]+.DONE|SUMMARY|.*panicked at)' "found/$name.log" || true
done
if [[ ${#failed[@]} -gt 0 ]]; then
  echo "fuzz: exceptions were found, see fuzz/found: ${failed[*]}" >&2
  exit 1
fi
