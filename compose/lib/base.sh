# shellcheck shell=bash
# What every script of the local fleet shares: words to a person, free ports, and processes that
# are known by a pid file. Data goes to stdout, all else to stderr.

say() { printf '%s: %s\n' "${speaker:-fleet}" "$*" >&2; }

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

# with_progress WHAT COMMAND…: on a terminal the command shows its own progress; elsewhere cargo is
# quiet, and a line every 15 s reports that the command still runs.
with_progress() {
  local what=$1 running status=0
  shift
  if [[ -t 2 ]]; then
    "$@"
    return
  fi
  local -x CARGO_TERM_QUIET=true
  # The reporter ends when its input does: also when this shell is killed.
  exec {running}> >(report_every_15_s "$what" >&2)
  "$@" {running}>&- || status=$?
  exec {running}>&-
  return "$status"
}

report_every_15_s() {
  local began=$SECONDS status
  while :; do
    status=0
    read -r -t 15 || status=$?
    # Above 128: nothing arrived in time.
    ((status > 128)) || return 0
    say "still $1, $((SECONDS - began)) s"
  done
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
