# shellcheck shell=bash
# What every script of the local fleet shares: words to a person, free ports, and processes that
# are known by a pid file. Data goes to stdout, all else to stderr.

say() { printf 'fleet: %s\n' "$*" >&2; }

# fail EXIT WHAT CAUSE TRY: an error as a person meets it.
fail() {
  printf 'error: %s\n  cause: %s\n  try:   %s\n' "$2" "$3" "$4" >&2
  exit "$1"
}

has() { command -v "$1" >/dev/null 2>&1; }

# Prints how many seconds are between two readings of $EPOCHREALTIME, with one decimal.
seconds_between() {
  local tenths=$(((${2/./} - ${1/./}) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# eventually SECONDS COMMAND…: polls until the command succeeds; 1 when the deadline passes.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

# The folder of the fleet: every script sets it.
: "${dir:=}"

listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

closed() { ! listens "$1"; }

# Prints N free TCP ports below the range from which the kernel takes those of outgoing connections.
free_ports() {
  local want=$1 port seen=" "
  for _ in $(seq 500); do
    ((want > 0)) || return 0
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if [[ $seen == *" $port "* ]] || listens "$port"; then continue; fi
    seen+="$port "
    printf '%s\n' "$port"
    want=$((want - 1))
  done
  fail 69 "no free port" "500 ports between 20000 and 32000 were tried" "see what listens: ss -ltn"
}

secret() { od -An -N20 -tx1 /dev/urandom | tr -d ' \n'; }

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
    export DEBIAN_FRONTEND=noninteractive
    options=(-yq --no-install-recommends -o DPkg::Lock::Timeout=300)
    apt-get install "${options[@]}" "$@" >/dev/null 2>&1 </dev/null ||
      { apt-get update -q >/dev/null && apt-get install "${options[@]}" "$@" >/dev/null; } </dev/null
  ) >&2 || fail 69 "could not install $*" "apt-get failed, see above" "apt-get install $*"
}

# A process of the fleet carries its name in its environment: a pid file that outlived a reboot
# never makes us signal a stranger.
mark() { printf 'MUSTER_FLEET=%s:%s' "$dir" "$1"; }

# Prints the pid of a process of this fleet when it runs.
pid_of() {
  local pid environment
  [[ -r $dir/run/$1.pid ]] && pid=$(<"$dir/run/$1.pid") && [[ $pid =~ ^[0-9]+$ ]] || return 1
  for _ in $(seq 25); do
    kill -0 "$pid" 2>/dev/null || return 1
    environment=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ") || return 1
    # Empty: a zombie, or one that is just becoming another program.
    [[ -z $environment ]] || break
    sleep 0.02
  done
  grep -qFx -e "$(mark "$1")" <<<"$environment" || return 1
  printf '%s\n' "$pid"
}

is_up() { pid_of "$1" >/dev/null; }
is_down() { ! is_up "$1"; }

# spawn NAME COMMAND…: starts it in a session of its own, output to log/NAME.log.
spawn() {
  local name=$1
  shift
  env "$(mark "$name")" setsid "$@" >>"$dir/log/$name.log" 2>&1 </dev/null 9>&- &
  local pid=$!
  printf '%s\n' "$pid" >"$dir/run/$name.pid"
  # Between fork and exec it does not carry its name yet.
  until is_up "$name" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
}

# stop NAME SECONDS: asks, waits, then insists.
stop() {
  local pid
  if pid=$(pid_of "$1"); then
    kill -TERM "$pid" 2>/dev/null || true
    if ! eventually "$2" is_down "$1"; then
      say "$1 did not stop within $2 s: killing it"
      kill -KILL "$pid" 2>/dev/null || true
      eventually 10 is_down "$1" || say "$1 (pid $pid) is still there"
    fi
  fi
  rm -f "$dir/run/$1.pid"
}
