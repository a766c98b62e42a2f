#!/usr/bin/env bash
# The sampler under valgrind: all kinds are switched on and off a hundred times while threads come and go, and the allocator
# is watched while it samples. A minute or two. It does not see what its own scheduler prevents: threads run one at a time.
#   tests/steps/valgrind.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source-path=SCRIPTDIR source=../../compose/lib/base.sh
. compose/lib/base.sh
has valgrind || install_packages valgrind
has jq || install_packages jq
# A package alone has other features, and would be built once more.
program=$(cargo test --quiet --locked --profile quick --workspace --lib --no-run --message-format json |
  jq -r 'select(.executable != null and .target.name == "common") | .executable')
[[ -x $program ]] || fail 1 "no test program of the crate common" "cargo named '$program'" "cargo test -p common --lib"
tests=(profile::capture::tests profile::heap::tests)
valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --fair-sched=yes \
  "$program" --test-threads=1 "${tests[@]}" | tee target/valgrind.log
# Names that fit no test would pass, so what ran is counted.
passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed;.*/\1/p' target/valgrind.log)
((${passed:-0} >= 4)) || fail 1 "only ${passed:-0} tests ran" "they have other names now" "tests/steps/valgrind.sh"
