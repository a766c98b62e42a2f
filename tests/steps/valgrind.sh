#!/usr/bin/env bash
# The sampler under valgrind: all kinds are switched on and off a hundred times while threads come and go; memory and
# threads a thousand times, and by twenty at once, while hunts run. Some minutes. It does not see what its own scheduler
# prevents: threads run one at a time.
#   tests/steps/valgrind.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # lib/packages.sh reads it
repo=$PWD
# shellcheck source-path=SCRIPTDIR source=../../compose/lib/base.sh
. compose/lib/base.sh
# shellcheck source-path=SCRIPTDIR source=packages.sh
. tests/steps/packages.sh
need_for valgrind
install_needed

# A package alone has other features, and would be built once more.
built=$(cargo test --quiet --locked --profile quick --workspace --lib --test faults --no-run --message-format json)

# A system call newer than this valgrind is worth no six lines each time.
without_unknown_calls() {
  grep --line-buffered -vE 'unhandled amd64-linux syscall|write your own handler|README_MISSING_SYSCALL|consider this a bug|valgrind.org/support' || true
}

# watch TARGET COUNT TEST…: so many tests of a test program. Names that fit no test would pass, so what ran is counted.
watch() {
  local target=$1 count=$2 program passed
  shift 2
  program=$(jq -r --arg name "$target" 'select(.executable != null and .target.name == $name and .profile.test) | .executable' <<<"$built")
  [[ -x $program ]] || fail 1 "no test program $target" "cargo named '$program'" "cargo test --workspace --lib --test faults"
  valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --fair-sched=yes "$program" --test-threads=1 "$@" 2> >(without_unknown_calls >&2) | tee target/valgrind.log
  passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed;.*/\1/p' target/valgrind.log)
  ((${passed:-0} >= count)) || fail 1 "only ${passed:-0} tests of $target ran" "they have other names now" "tests/steps/valgrind.sh"
}

watch muster_profiler 4 capture::tests heap::tests
watch faults 1 cycles::memory_and_threads
