#!/usr/bin/env bash
# Breaks the code on purpose, one rule at a time, and wants to see the test that guards the rule fail.
#   tests/steps/breaks.sh [NAME…]       (NAME: a file of tests/breaks, without its ending)
# Works on a copy of the last commit in target/breaks. A break that no longer applies, or does not compile, is a
# failure, too: bring it up to date with the code that it breaks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
repo=$PWD
work=$repo/target/breaks
source=$work/source
cargo=(cargo test --quiet --locked --profile quick)
export CARGO_TERM_COLOR=never CARGO_TARGET_DIR=$work/target CARGO_INCREMENTAL=1

names=("$@")
((${#names[@]} > 0)) || mapfile -t names < <(cd tests/breaks && printf '%s\n' *.patch | sed 's/\.patch$//')

# What cargo has built already serves here, too; only our own crates are built again at another path.
mkdir -p "$CARGO_TARGET_DIR"
[[ -d $CARGO_TARGET_DIR/quick || ! -d target/quick ]] || cp -a target/quick "$CARGO_TARGET_DIR/"
rm -rf "$source"
mkdir -p "$source"
git archive HEAD | tar -x -C "$source"
cd "$source"
git init --quiet .
git add --all --force
git -c user.name=breaks -c user.email=breaks@localhost commit --quiet --message 'as it is'

failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

verdict() {
  printf '%-28s %s\n' "$1" "$2"
  [[ $2 == seen* || $2 == holds* ]] || failed=$((failed + 1))
}

run_test() {
  local -a words
  read -ra words <<<"$1"
  cargo build --quiet --locked --profile quick --workspace --bins && "${cargo[@]}" "${words[@]}"
}

for name in "${names[@]}"; do
  patch=tests/breaks/$name.patch
  test=$(sed -n 's/^Test: //p' "$patch")
  git checkout --quiet --force .
  if ! run_test "$test" >"$log" 2>&1 || ! grep -q '^test result: ok. [1-9]' "$log"; then
    tail -n 30 "$log"
    verdict "$name" "the test does not pass before anything is broken"
    continue
  fi
  if ! git apply "$patch"; then
    verdict "$name" "does not apply any more"
    continue
  fi
  if run_test "$test" >"$log" 2>&1; then
    verdict "$name" "NOT SEEN: $test passes"
  elif grep -q '^test result: FAILED' "$log"; then
    verdict "$name" "seen: $(grep -m 1 -A 1 'panicked at' "$log" | tail -n 1 | cut -c1-140)"
  else
    tail -n 30 "$log"
    verdict "$name" "does not compile any more"
  fi
done
printf '%d of %d breaks seen\n' $((${#names[@]} - failed)) "${#names[@]}"
((failed == 0))
