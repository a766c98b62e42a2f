# shellcheck shell=bash source-path=SCRIPTDIR
# The fleet as containers. Same functions as processes.sh; the folder is mounted at its own path, so
# that what `muster` writes inside (keys, bundles) is found outside.

: "${dir:=}" "${repo:=}" "${here:=}" "${tree:=}"

# Containers run as the caller; when that is root, as the images' own user, who then owns the folder.
fleet_uid=$(id -u)
fleet_gid=$(id -g)
if [[ $fleet_uid == 0 ]]; then
  fleet_uid=10001
  fleet_gid=10001
fi

# Everything is in the caller's network when one runs `docker compose` by hand: the variables are
# written next to the generated agents.
compose() {
  local overlay=()
  if dashboards_are_on; then overlay=(--file "$here/dashboards/compose.yaml"); fi
  docker compose --project-name "muster-$(printf %s "$dir" | cksum | cut -d' ' -f1)" \
    --env-file "$dir/compose.env" \
    --file "$here/fleet.yaml" --file "$dir/agents.yaml" "${overlay[@]}" "$@" 9>&-
}

backend_dashboards() { printf '%s\n' prometheus grafana; }

backend_scraped() { printf 'coordinator:%s' "$(port http)"; }

owned() {
  local folders=("$dir/config" "$dir/bundles" "$dir/broker/password")
  if dashboards_are_on; then folders+=("$dir/dashboards"); fi
  [[ $(id -u) != 0 ]] || chown -R "$fleet_uid:$fleet_gid" "${folders[@]}"
}

backend_prepare() {
  mkdir -p "$dir/config" "$dir/bundles"
  owned
  [[ -z $tree ]] || printf '%s\n' "$(cd "$tree" && pwd)" >"$dir/tree"
  [[ ! -s $dir/tree ]] || tree=$(<"$dir/tree")
  # 0644 in a folder that is 0700: the broker's user can read its mount, nobody else can reach it.
  broker_configuration >"$dir/broker/container.conf"
  chmod 644 "$dir/broker/container.conf"
  cat >"$dir/compose.env" <<ENV
MUSTER_FLEET_DIR=$dir
MUSTER_CONTEXT=$repo
MUSTER_HTTP_PORT=$(port http)
MUSTER_PROMETHEUS_PORT=$(port prometheus)
MUSTER_GRAFANA_PORT=$(port grafana)
MUSTER_UID=$fleet_uid
MUSTER_GID=$fleet_gid
MUSTER_BROKER_IMAGE=${MUSTER_BROKER_IMAGE:-rabbitmq:4-management}
RUST_IMAGE=${RUST_IMAGE:-rust:1.95-bookworm}
RUNTIME_IMAGE=${RUNTIME_IMAGE:-debian:bookworm-slim}
ENV
  agents_yaml
  local quiet=()
  [[ -t 2 ]] || quiet=(--quiet)
  say "building the images: minutes, the first time"
  with_progress "building the images" compose build "${quiet[@]}" coordinator agent >&2 || fail 1 "the images could not be built" "see above" \
    "compose/fleet up --with processes, or name other base images: RUST_IMAGE, RUNTIME_IMAGE"
}

# One service an agent: each has a bundle of its own.
agents_yaml() {
  local name bundle
  {
    printf 'services:\n'
    # Never started; `compose build agent` builds the image that all of them use.
    printf '  agent:\n    extends: { file: %s/fleet.yaml, service: agent-template }\n' "$here"
    printf '    profiles: [never]\n'
    for name in $(agent_names); do
      [[ -L $dir/agents/$name ]] || continue
      bundle=$(cd "$dir/agents/$name" && pwd -P)
      printf '  %s:\n    extends: { file: %s/fleet.yaml, service: agent-template }\n' "$name" "$here"
      printf '    hostname: %s\n    volumes:\n      - %s:/etc/muster\n' "$name" "$bundle"
      [[ -z $tree ]] || printf '      - %s:%s:ro\n' "$tree" "$tree"
    done
  } >"$dir/agents.yaml"
}

backend_addresses() {
  printf '%s\n' broker_host=broker broker_port=5672 management=http://broker:15672 \
    "listen=0.0.0.0:$(port http)" host=coordinator
}

# `muster` in a container of the coordinator's image: in the running one, else in one of its own.
muster() {
  local variable options=(-T)
  for variable in MUSTER_URL MUSTER_TOKEN_FILE MUSTER_OPERATOR_KEY; do
    [[ -z ${!variable:-} ]] || options+=(--env "$variable")
  done
  owned
  if backend_is_up coordinator; then
    compose exec "${options[@]}" coordinator muster "$@" </dev/null
  else
    compose run --rm --no-deps "${options[@]}" coordinator "$@" </dev/null
  fi
}

backend_start() {
  owned
  compose up --detach --no-recreate --no-deps --no-build --quiet-pull "$1" >&2
}

backend_start_agents() {
  agents_yaml
  owned
  compose up --detach --no-deps --no-build "$@" >&2
}

backend_stop() { compose stop --timeout 40 "$1" >&2; }

backend_down() {
  compose stop --timeout 40 "$@" >&2
  local volumes=()
  [[ ${purge:-no} != yes ]] || volumes=(--volumes --remove-orphans)
  # The agents have the profile of their template, without which `down` leaves their containers.
  compose --profile never down "${volumes[@]}" >&2
}

backend_is_up() { [[ -n $(compose ps --quiet --status running "$1" 2>/dev/null) ]]; }

backend_status() {
  local name id
  for name in "$@"; do
    id=$(compose ps --quiet --status running "$name" 2>/dev/null) || id=
    if [[ -n $id ]]; then
      printf '%s up %s\n' "$name" "$(docker inspect --format '{{.State.Pid}}' "$id")"
    else
      printf '%s down -\n' "$name"
    fi
  done
}

backend_logs() {
  local follow=()
  [[ $1 != yes ]] || follow=(--follow)
  shift
  compose logs --no-color --tail 100 "${follow[@]}" "$@"
}

# The CLI that was built in the image also runs here when the C library is not older.
backend_assignments() {
  if [[ ! -x $dir/bin/muster ]]; then
    mkdir -p "$dir/bin"
    compose cp coordinator:/usr/local/bin/muster "$dir/bin/muster" >&2
  fi
  printf 'MUSTER_BIN=%q\n' "$dir/bin/muster"
}
