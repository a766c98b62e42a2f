# shellcheck shell=bash source-path=SCRIPTDIR
# What a script needs from outside this checkout. Everything missing is listed with its reason before
# anything is installed; `--no-install` (or MUSTER_INSTALL=no, which scripts pass on) ends there.
#   need jq "reads what muster prints" has jq
#   install_needed

: "${repo:=}"

needed_packages=() needed_commands=() needed_names=() needed_reasons=()

no_install() { export MUSTER_INSTALL=no; }

# need PACKAGE WHY CHECK…: the Debian package is missing unless the command CHECK succeeds.
need() {
  local package=$1 why=$2
  shift 2
  [[ " ${needed_packages[*]} " != *" $package "* ]] || return 0
  ! "$@" >/dev/null 2>&1 || return 0
  needed_packages+=("$package")
  needed_names+=("$package")
  needed_reasons+=("$why")
}

# need_other WHAT WHY COMMAND…: something that is no package, and the command that installs it.
need_other() {
  needed_names+=("$1")
  needed_reasons+=("$2")
  shift 2
  needed_commands+=("$*")
}

broker_sbin() {
  local found
  for found in /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin; do
    [[ -x $found/rabbitmq-server ]] && printf '%s\n' "$found" && return 0
  done
  return 1
}

# need_image IMAGE WHY: a container image that the engine does not have.
need_image() {
  docker image inspect "$1" >/dev/null 2>&1 || need_other "image $1" "$2" docker pull "$1"
}

need_broker() { need rabbitmq-server "the broker; its system service is not started" broker_sbin; }

# The compiler, its linker, and the headers of the C library.
need_build() {
  local channel
  need gcc "links what cargo builds, and compiles the C in some crates" has cc
  need libc6-dev "the C library's headers, for the same" test -e /usr/include/stdio.h
  channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$repo/rust-toolchain.toml")
  if has rustup && [[ -z ${RUSTUP_TOOLCHAIN:-} ]] && ! rustup toolchain list 2>/dev/null | grep -q "^$channel\b"; then
    need_other "Rust $channel" "the toolchain that rust-toolchain.toml names" rustup toolchain install "$channel"
  fi
}

# What builds the pages that `muster` carries.
need_pages() {
  need nodejs "builds the pages of muster console" has node
  need npm "installs what the pages are built with" has npm
}

# A fleet of processes builds with the cargo that is there, unless it is given the binaries.
fleet_builds() { [[ -z ${MUSTER_BIN_DIR:-} ]] && has cargo; }

# need_fleet docker|processes
need_fleet() {
  if [[ $1 == processes ]]; then
    need_broker
    if fleet_builds; then
      need_build
      need_pages
    fi
  else
    timeout 10 docker info >/dev/null 2>&1 || fail 69 "no Docker engine answers" "\`docker info\` failed" \
      "start the engine, or install Rust (https://rustup.rs) and use --with processes"
    need_image "${MUSTER_BROKER_IMAGE:-rabbitmq:4-management}" "the broker"
    # Later builds find what they need in the builder's own cache.
    docker image inspect muster-coordinator:local muster-agent:local >/dev/null 2>&1 || {
      need_image "${RUST_IMAGE:-rust:1.95-bookworm}" "builds muster and muster-agent"
      need_image "${RUNTIME_IMAGE:-debian:bookworm-slim}" "the base of both images"
    }
  fi
}

# need_dashboards docker|processes
need_dashboards() {
  if [[ $1 == processes ]]; then
    need prometheus "scrapes the fleet, for --dashboards" has prometheus
  else
    need_image "${MUSTER_PROMETHEUS_IMAGE:-prom/prometheus:v2.55.1}" "scrapes the fleet, for --dashboards"
    need_image "${MUSTER_GRAFANA_IMAGE:-grafana/grafana-oss:11.3.0}" "shows the dashboard, for --dashboards"
  fi
}

# Lists what was noted as needed, then installs it.
install_needed() {
  local at command words tries=()
  ((${#needed_names[@]} > 0)) || return 0
  say "to be installed:"
  for at in "${!needed_names[@]}"; do
    say "$(printf '  %-16s %s' "${needed_names[at]}" "${needed_reasons[at]}")"
  done
  if [[ ${MUSTER_INSTALL:-yes} == no ]]; then
    ((${#needed_packages[@]} == 0)) || tries=("apt-get install --no-install-recommends ${needed_packages[*]}")
    tries+=("${needed_commands[@]}")
    fail 69 "missing: $(joined ', ' "${needed_names[@]}")" "--no-install forbids installing" "$(joined ' && ' "${tries[@]}")"
  fi
  ((${#needed_packages[@]} == 0)) || install_packages "${needed_packages[@]}"
  for command in "${needed_commands[@]}"; do
    say "running $command"
    read -ra words <<<"$command"
    with_progress "running ${words[0]}" "${words[@]}" >&2 </dev/null ||
      fail 69 "something could not be installed" "\`$command\` failed, see above" "$command"
  done
  needed_packages=() needed_commands=() needed_names=() needed_reasons=()
}

# joined SEPARATOR WORD…
joined() {
  local separator=$1 text=$2
  shift 2
  (($# == 0)) || text+=$(printf '%s' "${@/#/$separator}")
  printf '%s' "$text"
}

# Installs Debian packages without letting one of them start a system service.
install_packages() {
  if ! has apt-get || [[ $(id -u) != 0 ]]; then
    fail 69 "missing: $*" "this needs Debian's packages and only root may install them" \
      "apt-get install --no-install-recommends $*"
  fi
  say "installing $* from Debian"
  (
    policy=/usr/sbin/policy-rc.d
    kept=$(mktemp -u "$policy.XXXXXX")
    [[ ! -e $policy ]] || mv "$policy" "$kept"
    # shellcheck disable=SC2317
    restore() { if [[ -e $kept ]]; then mv "$kept" "$policy"; else rm -f "$policy"; fi; }
    trap restore EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    with_progress "installing packages" apt_install "$@"
  ) >&2 </dev/null || fail 69 "could not install $*" "apt-get failed, see above" "apt-get install $*"
}

# Package lists that are missing or old are fetched first.
apt_install() {
  local quiet=() options=(--yes --no-install-recommends -o DPkg::Lock::Timeout=300)
  export DEBIAN_FRONTEND=noninteractive
  [[ -t 2 ]] || quiet=(-qq)
  if apt-get install "${options[@]}" --simulate "$@" >/dev/null 2>&1 &&
    apt-get install "${quiet[@]}" "${options[@]}" "$@"; then
    return 0
  fi
  apt-get update "${quiet[@]}" && apt-get install "${quiet[@]}" "${options[@]}" "$@"
}
