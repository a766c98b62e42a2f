#!/usr/bin/env bash
# Absences that one can grep for: what may be named only behind its one door. Test code is exempt
# where it says so; comments are not looked at. And every break on purpose still applies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
broken=0

# fence REASON PATTERN ALLOWED [FOLDER…]: PATTERN (extended regular expression) may occur only in paths
# that match ALLOWED.
fence() {
  local found folders=("${@:4}")
  ((${#folders[@]} > 0)) || folders=(common/*/src agent/src agent/digests/src coordinator/*/src tests/src)
  found=$(grep -rnE --include='*.rs' -e "$2" "${folders[@]}" |
    grep -vE '^[^:]+:[0-9]+:\s*//' | grep -vE "^($3)" || true)
  if [[ -n $found ]]; then
    printf 'fence broken: %s\n%s\n' "$1" "$found"
    broken=$((broken + 1))
  else
    printf 'holds: %s\n' "$1"
  fi
}

tests='[^:]*/tests(/[^:]*)?\.rs:|[^:]*_tests\.rs:'
fence 'lapin only in muster_broker' '\blapin(::|\s*=)' "common/broker/src/|tests/src/|$tests"
fence 'async_rs only in muster_broker' '\basync_rs::' "common/broker/src/|$tests"
fence 'queue names only in muster_protocol::topology' '"(requests|results)(\.[a-z]+)?"' "common/protocol/src/topology|tests/src/|$tests"
fence 'rmp_serde only in muster_protocol::wire' '\brmp_serde::' "common/protocol/src/wire|$tests"
fence 'pprof only in muster_profiler' '\bpprof::' "common/profiler/src/lib\.rs:|tests/src/|$tests"
fence 'zip only in muster_api::archive' '\bzip::' "coordinator/api/src/archive\.rs:|$tests"
fence 'of pprof only its messages' '\bpprof::([^p]|p[^r])' 'nothing'
fence 'rusqlite only in the journal, the hash cache and the store' '\brusqlite::' \
  "agent/src/journal|agent/src/hash_cache|coordinator/server/src/store|tests/src/|$tests"
fence 'rustls only in the three modules named tls' '\b(tokio_)?rustls(_native_certs)?::' \
  "common/broker/src/tls|coordinator/(api|server)/src/tls|tests/src/|$tests"
fence 'only output and main print' '\be?print(ln)?!' \
  "coordinator/cli/src/(output|main)|agent/src/(output|main|bin)|tests/src/|$tests"
fence 'only main exits' '\bprocess::exit\b' '[^:]*/main\.rs:|tests/src/bin/|[^:]*/bin/'
fence 'only config and main read the environment' '\benv::vars?(_os)?\(' \
  "[^:]*/config(/[^:]*)?\.rs:|[^:]*/main\.rs:|coordinator/cli/src/args\.rs:|common/runtime/src/trace|tests/src/|$tests"
fence 'unsafe only in modules named sys' '\bunsafe\s*(\{|fn|impl|extern)' "[^:]*/sys(/[^:]*)?\.rs:|[^:]*/sys_[a-z]*\.rs:|$tests"
# A cursor is the collector's own record: opaque to the journal, so it says itself how it is written.
fence 'a collector knows neither AMQP nor tokio, serde only for its cursor' '\b(lapin|tokio|serde|serde_json|rmp_serde)::' \
  "[^:]*/cursor\.rs:.*\bserde::|$tests" agent/src/collectors
# Which crate may name what: the table in ARCHITECTURE.md, "Crates".
fence 'the protocol knows no runtime, no broker, no file system' \
  '\b(tokio|lapin|libc|rustix|muster_(broker|profiler|runtime))::|\bstd::(fs|process|env|os)\b' "$tests" common/protocol/src
fence 'the runtime knows neither broker nor store' '\b(lapin|rusqlite|axum|muster_(broker|profiler))::' "$tests" common/runtime/src
fence 'the door to the broker knows neither store nor HTTP' '\b(rusqlite|axum|muster_profiler)::' "$tests" common/broker/src
fence 'the profiler knows neither broker, store nor HTTP' '\b(lapin|rusqlite|axum|muster_broker)::' "$tests" common/profiler/src
fence 'the digests know nothing of ours' '\bmuster_[a-z]+::|\bagent::' 'agent/digests/src/[^:]*tests\.rs:' agent/digests/src
fence 'no unfinished marks' '\b(TODO|FIXME|XXX)\b' 'nothing'
fence 'the agent and what both sides share know no coordinator' '\bmuster_(api|server|cli)::' 'nothing' agent/src common/*/src
fence 'the coordinator and what both sides share know no agent' '\bagent::[a-z_]+::|\buse agent\b' 'nothing' coordinator/*/src common/*/src
fence 'the types of the API know no server, store or broker' '\b(axum|rusqlite|lapin|muster_(server|cli))::' "$tests" coordinator/api/src
fence 'the pages know no fleet: no server, store, broker or command line' '\b(rusqlite|lapin|clap|muster_(server|cli|broker|runtime))::' \
  "$tests" coordinator/pages/src
fence 'the server knows no command line' '\b(clap|muster_cli)::' "$tests" coordinator/server/src
fence 'the command line knows no store and no broker library' '\b(rusqlite|lapin)::' "$tests" coordinator/cli/src
fence 'the command line serves HTTP only in its console' '\b(axum|hyper|hyper_util)::' "coordinator/cli/src/console/|$tests" coordinator/cli/src
fence 'only the verbs of the coordinator'"'"'s own machine know the server' '\bmuster_server::' "coordinator/cli/src/local/|$tests" coordinator/cli/src
# The columns of a row are those of its artifact's schema: a newer artifact's rows are shown, too.
fence 'the command line decodes answers into types of the API' '\bserde_json::(\{.*)?Value\b' \
  "coordinator/cli/src/output/(document|cell|rows)\.rs:|$tests" coordinator/cli/src

fence 'axum only in the HTTP interface and where it is started' '\baxum::' "coordinator/server/src/(http/|serve\.rs)|$tests" coordinator/server/src

# The folders of the server, from the lowest to the highest: none names one above itself.
layers=(tls tokens config curves instances state store rows broker live core broker_watch roster telemetry profiles who_has
  ingest self_telemetry hunts doctor link http serve)
for ((at = 0; at + 1 < ${#layers[@]}; at++)); do
  higher=$(IFS='|' && printf '%s' "${layers[*]:at+1}")
  own=()
  for path in "coordinator/server/src/${layers[at]}" "coordinator/server/src/${layers[at]}.rs"; do
    [[ ! -e $path ]] || own+=("$path")
  done
  fence "the server's ${layers[at]} names nothing above itself" "\bcrate::($higher)\b" "$tests" "${own[@]}"
done
for path in coordinator/server/src/*; do
  name=$(basename "$path" .rs)
  [[ " ${layers[*]} lib " == *" $name "* ]] || {
    printf 'fence broken: %s has no place among the layers\n' "$path"
    broken=$((broken + 1))
  }
done

# The pages draw elements of their own and text nodes: hostile text has no sink. Nor may they write the style attribute,
# which their policy refuses.
sinks='innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|\beval\b|new Function|document\.write|setAttribute\("style"'
found=$(grep -rnE --include='*.ts' --include='*.tsx' --include='*.js' -e "$sinks" \
  coordinator/console/src coordinator/server/src/profiles/views/flame | grep -vE '^[^:]+:[0-9]+:\s*(//|\*)' || true)
if [[ -n $found ]]; then
  printf 'fence broken: the pages have no HTML sink\n%s\n' "$found"
  broken=$((broken + 1))
else
  printf 'holds: the pages have no HTML sink\n'
fi

# They are run by hand, and would grow old unseen.
for patch in tests/breaks/*.patch; do
  git apply --check "$patch" || {
    printf 'does not apply any more: %s\n' "$patch"
    broken=$((broken + 1))
  }
done
printf 'looked at: whether each of tests/breaks applies\n'

((broken == 0))
