#!/usr/bin/env bash
# Proves the Dockerfile and fleet.yaml: a fleet of two agents in containers, one hunt over a small
# tree that both see, and every row against sha256sum. Needs a Docker engine that answers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # lib/packages.sh reads it
repo=$PWD
# shellcheck source-path=SCRIPTDIR source=../../compose/lib/base.sh
. compose/lib/base.sh
# shellcheck source-path=SCRIPTDIR source=packages.sh
. tests/steps/packages.sh
need_for docker
install_needed
scratch=$(mktemp -d)
cleanup() {
  compose/fleet down --purge --dir "$scratch/fleet" || true
  rm -rf "$scratch"
}
trap cleanup EXIT
chmod 755 "$scratch"
mkdir "$scratch/tree"
cp -r common/protocol/src "$scratch/tree/"
printf 'odd' >"$scratch/tree/"$'new\nline \377'
chmod -R a+rX "$scratch/tree"

environment=$(compose/fleet up --with docker --agents 2 --dir "$scratch/fleet" --tree "$scratch/tree")
set -a
eval "$environment"
set +a
compose/fleet status --dir "$scratch/fleet"
"$MUSTER_BIN" hunt run --target all --root "$scratch/tree" --hash sha256 --output jsonl >"$scratch/rows.jsonl"
python3 compose/verify.py --rows "$scratch/rows.jsonl" --root "$scratch/tree" --agents 2
