#!/usr/bin/env bash
# `docker compose up` by itself: three agents with bundles of their own, a hunt whose every row is compared with
# sha256sum, the same agents after a restart and after new containers, two more with --scale, and nothing left
# after `down --volumes`. Needs a Docker engine that answers.
# shellcheck disable=SC2317 # `eventually` calls functions
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
repo=$PWD
# shellcheck source-path=SCRIPTDIR source=../../compose/lib/base.sh
. compose/lib/base.sh
# shellcheck source-path=SCRIPTDIR source=packages.sh
. tests/steps/packages.sh
need_for compose
install_needed

scratch=$(mktemp -d)
project=muster-test-$$
cleanup() {
  compose down --volumes --timeout 5 >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap cleanup EXIT
chmod 755 "$scratch"
mkdir "$scratch/tree"
cp -r common/protocol/src "$scratch/tree/"
printf 'odd' >"$scratch/tree/"$'new\nline \377'
chmod -R a+rX "$scratch/tree"
# What the agents see and sha256sum sees as well.
printf 'services: { agent: { volumes: ["%s:%s:ro"] } }\n' "$scratch/tree" "$scratch/tree" >"$scratch/tree.yaml"
MUSTER_HTTP_PORT=$(free_ports 1)
export MUSTER_HTTP_PORT

compose() {
  docker compose --project-name "$project" --file compose/compose.yaml --file "$scratch/tree.yaml" "$@" </dev/null
}
muster() { compose exec -T coordinator muster "$@"; }

up() {
  with_progress "starting containers" compose up --detach --wait "$@" >"$scratch/log" 2>&1 ||
    fail 1 "docker compose up $* failed" "$(tail -n 5 "$scratch/log")" "docker compose --file compose/compose.yaml up"
}

# Agent and container, one pair a line.
pairs() { muster agents list --output jsonl | jq -r 'select(.state == "live") | "\(.id) \(.host)"' | sort; }
agents() { pairs | cut -d' ' -f1; }

# Whether so many agents, and no others, were heard since the last change.
all_heard() {
  local heard
  heard=$(muster agents list --output jsonl |
    jq -rs --arg since "$since" 'map(.last_seen // "" | . > $since) | "\(map(select(.)) | length) of \(length)"')
  [[ $heard == "$1 of $1" ]]
}
expect_agents() {
  eventually 90 all_heard "$1" || fail 1 "not $1 agents, all of them heard, $2" "$(muster agents list)" "tests/run compose"
  printf '%s: %s\n' "$2" "$(agents | paste -sd' ')"
}
expect_same() {
  [[ $2 == "$3" ]] || fail 1 "$1" "$(printf '%s; before: %s' "${3//$'\n'/, }" "${2//$'\n'/, }")" "tests/run compose"
}
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }

since=$(now)
up --build
expect_agents 3 "after up"
three=$(agents)
containers=$(pairs)

muster --quiet hunt run --target all --root /usr/share --output jsonl >"$scratch/share.jsonl"
printf 'a hunt over /usr/share: %s rows\n' "$(wc -l <"$scratch/share.jsonl")"
expect_same "rows of other agents" "$three" "$(jq -r .agent "$scratch/share.jsonl" | sort -u)"

muster --quiet hunt run --target all --root "$scratch/tree" --hash sha256 --output jsonl >"$scratch/rows.jsonl"
python3 compose/verify.py --rows "$scratch/rows.jsonl" --root "$scratch/tree" --agents 3

# The console, as the coordinator's log says: the commands are taken from it.
told=$(compose logs --no-log-prefix coordinator)
copies=$(sed -n 's/^  docker compose cp \(coordinator:.*\) \.\/\(.*\)$/\1 \2/p' <<<"$told")
while read -r from to; do compose cp "$from" "$scratch/$to" 2>/dev/null; done <<<"$copies"
line=$(sed -n 's/^  \.\/\(muster console .*\)$/\1/p' <<<"$told")
# shellcheck disable=SC2329 # `eventually` calls it
console_there() { grep -q 'http://127.0.0.1:[0-9]*/#' "$scratch/console"; }
(cd "$scratch" && exec timeout 30 bash -c "exec ./$line --listen 127.0.0.1:0") >"$scratch/console" 2>&1 </dev/null &
eventually 30 console_there || fail 1 "the console does not start as the log says" "$line: $(<"$scratch/console")" "tests/run compose"
printf 'the console as the log says: %s\n' "$line"
kill %% 2>/dev/null || true

since=$(now)
compose restart agent 2>/dev/null
expect_agents 3 "after a restart"
expect_same "a container has another agent" "$containers" "$(pairs)"

since=$(now)
up --scale agent=5
expect_agents 5 "with --scale agent=5"
expect_same "a container has another agent" "$containers" "$(comm -12 <(pairs) <(printf '%s\n' "$containers"))"
five=$(agents)

# New containers take the bundles of those that are gone.
since=$(now)
compose down --timeout 20 2>/dev/null
up --scale agent=5
expect_agents 5 "after down and up"
expect_same "other agents in new containers" "$five" "$(agents)"

compose down --volumes 2>/dev/null
left=$(docker ps --all --quiet --filter "label=com.docker.compose.project=$project"
  docker volume ls --quiet --filter "label=com.docker.compose.project=$project"
  docker network ls --quiet --filter "label=com.docker.compose.project=$project")
[[ -z $left ]] || fail 1 "down --volumes left something" "$left" "docker volume ls"
printf 'down --volumes leaves nothing\n'
