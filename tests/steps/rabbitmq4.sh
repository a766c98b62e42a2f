#!/usr/bin/env bash
# What the broker itself can do to a fleet, on RabbitMQ 4.x: the tests that speak to a broker run in a root of Debian
# trixie, whose RabbitMQ is 4.0. Needs root and Debian's packages; the root is kept, and made in about a minute.
#   tests/steps/rabbitmq4.sh [TEST…]      TEST: a part of a name in tests/it; without one, the list below
#   tests/steps/rabbitmq4.sh --root-only  makes the root and ends
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # lib/packages.sh reads it
repo=$PWD
# shellcheck source-path=SCRIPTDIR source=../../compose/lib/base.sh
. compose/lib/base.sh
# shellcheck source-path=SCRIPTDIR source=packages.sh
. tests/steps/packages.sh
[[ $(id -u) == 0 ]] || fail 77 "not root" "mounts and a change of root are root's" "sudo tests/run rabbitmq4"
root=$rabbitmq4_root
if [[ ${1:-} == --root-only ]]; then
  rm -rf "$root"
  mmdebstrap --quiet --variant=minbase trixie "$root" \
    --include=rabbitmq-server,ca-certificates,openssl,python3,procps,iproute2,util-linux,hostname,strace
  # The machines of the tests are given ids of their own in its place.
  touch "$root/etc/machine-id"
  touch "$root/complete"
  exit
fi
need_for rabbitmq4
install_needed
ls -d "$root"/usr/lib/rabbitmq/lib/rabbitmq_server-4.* >/dev/null ||
  fail 69 "no RabbitMQ 4" "$root has another version" "rm -rf $root, and try again"

tests=("$@")
((${#tests[@]} > 0)) || tests=(poison broker_audit alarms hostile_ingest broker:: amqp:: tls:: durable:: connections identity)

built=$(cargo test --quiet --locked --profile quick --workspace --bins --test it --no-run --message-format json)
program=$(jq -r 'select(.executable != null and .target.name == "it") | .executable' <<<"$built")
[[ -x $program ]] || fail 1 "no test program it" "cargo named '$program'" "cargo test --workspace --test it --no-run"

# The mounts are in a namespace of their own: they end with the tests, however those end.
export root program
# shellcheck disable=SC2016  # the inner shell's own variables
unshare --mount --propagation private bash -euc '
  # The tests make mount namespaces of their own, for which the root must be a mount.
  mount --bind "$root" "$root"
  for folder in proc sys dev tmp "$PWD"; do
    mkdir -p "$root/$folder"
    mount --rbind "/${folder#/}" "$root/$folder"
  done
  exec chroot "$root" env --chdir="$PWD" "$program" --test-threads=3 "$@"
' rabbitmq4 "${tests[@]}" </dev/null
