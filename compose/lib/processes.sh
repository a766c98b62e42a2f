# shellcheck shell=bash source-path=SCRIPTDIR
# The fleet as plain processes: the private RabbitMQ, `muster serve`, and one `muster-agent` each.
# docker.sh offers the same functions over containers; `fleet` knows no difference.

: "${dir:=}" "${repo:=}"

bin=${MUSTER_BIN_DIR:-${CARGO_TARGET_DIR:-$repo/target}/quick}

backend_prepare() {
  [[ -z ${MUSTER_BIN_DIR:-} ]] || return 0
  if ! fleet_builds; then
    [[ -x $bin/muster && -x $bin/muster-agent ]] || fail 69 "no binaries in $bin" \
      "cargo is not installed, so they cannot be built" "install Rust (https://rustup.rs)"
    say "cargo is not installed: using $bin as it is"
    return 0
  fi
  [[ -x $bin/muster && -x $bin/muster-agent ]] || say "building muster and muster-agent: minutes, the first time"
  # The binary carries the pages: they are made before it.
  with_progress "building the pages" "$repo/coordinator/console/build" >&2 ||
    fail 1 "the pages of muster console were not built" "see above" "coordinator/console/build"
  # cargo itself knows what is old; it does nothing in a second when nothing is.
  (cd "$repo" && with_progress building cargo build --locked --profile quick -p muster-agent -p muster-cli --bins) >&2 ||
    fail 1 "the build failed" "see above" "cargo build --profile quick"
}

backend_addresses() {
  printf '%s\n' broker_host=127.0.0.1 "broker_port=$(port amqp)" \
    "management=http://127.0.0.1:$(port management)" "listen=127.0.0.1:$(port http)"
}

# Grafana is in no distribution's packages: it runs only in a container.
backend_dashboards() { printf '%s\n' prometheus; }

backend_scraped() { printf '127.0.0.1:%s' "$(port http)"; }

muster() { MUSTER_DIR=$dir/config "$bin/muster" "$@"; }

backend_start() {
  case $1 in
    broker) broker_start ;;
    coordinator) is_up coordinator ||
      spawn coordinator env "MUSTER_DIR=$dir/config" "$bin/muster" serve ;;
    prometheus) is_up prometheus || spawn prometheus prometheus --log.level=warn \
      --config.file="$dir/dashboards/prometheus.yml" --storage.tsdb.path="$dir/prometheus" \
      --web.listen-address="127.0.0.1:$(port prometheus)" ;;
    *) is_up "$1" || spawn "$1" "$bin/muster-agent" run --config "$dir/agents/$1/agent.toml" ;;
  esac
}

backend_start_agents() {
  local name
  for name in "$@"; do backend_start "$name"; done
}

backend_stop() {
  case $1 in
    broker) broker_stop ;;
    *) stop "$1" 15 ;;
  esac
}

backend_down() {
  local name pids=()
  # All agents are asked first, then waited for: fifty of them take as long as one.
  for name in "$@"; do
    if [[ $name == agent-* ]] && pids[0]=$(pid_of "$name"); then
      kill -TERM "${pids[0]}" 2>/dev/null || true
    fi
  done
  for name in "$@"; do backend_stop "$name"; done
}

# Prints one line a process: name, state, pid.
backend_status() {
  local name pid
  for name in "$@"; do
    if pid=$(pid_of "$name"); then printf '%s up %s\n' "$name" "$pid"; else printf '%s down -\n' "$name"; fi
  done
}

backend_is_up() { is_up "$1"; }

backend_logs() {
  local follow=$1 name files=()
  shift
  for name in "$@"; do [[ ! -e $dir/log/$name.log ]] || files+=("$dir/log/$name.log"); done
  ((${#files[@]} > 0)) || fail 64 "no log" "nothing of this fleet was ever started" "compose/fleet up"
  if [[ $follow == yes ]]; then tail -n 20 -F "${files[@]}"; else tail -n 100 "${files[@]}"; fi
}

backend_assignments() { printf 'MUSTER_BIN=%q\n' "$bin/muster"; }
