#!/usr/bin/env bash
# A real profile in kcachegrind, under a display of its own; `go tool pprof` and `callgrind_annotate` read the exports in the
# unit tests.
#   tests/steps/kcachegrind.sh [FILE.png]     (FILE: where the picture goes; default target/kcachegrind.png)
# About half a minute. It checks that the program has the file in a window and complains of nothing; what the picture says is
# for a person to look at.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
repo=$PWD
# shellcheck source-path=SCRIPTDIR source=../../compose/lib/base.sh
. compose/lib/base.sh
# shellcheck source-path=SCRIPTDIR source=packages.sh
. tests/steps/packages.sh
picture=$(realpath -m "${1:-target/kcachegrind.png}")
need_for kcachegrind
install_needed

work=$(mktemp -d)
pids=()
finish() {
  local status=$?
  trap - EXIT
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  compose/fleet down --purge --dir "$work/fleet" >/dev/null 2>&1 || true
  rm -rf -- "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

environment=$(compose/fleet up --agents 1 --with processes --dir "$work/fleet")
set -a
eval "$environment"
set +a
muster() { "$MUSTER_BIN" "$@"; }
mkdir "$work/tree"
truncate --size 4G "$work/tree/sparse"
hunt=$(muster hunt launch --target all --root "$work/tree" --hash sha256,sha1,md5 --output json | jq -r .id)
agent=$(muster agents list --output jsonl | jq -r .id)
profile=$(muster --output json profile take --agent "$agent" --seconds 4 | jq -r .id)
muster hunt cancel "$hunt"
muster profile export "$profile" --format callgrind -o "$work/cpu.callgrind"

say "kcachegrind"
for number in $(seq 90 120); do [[ -e /tmp/.X$number-lock ]] || break; done
Xvfb ":$number" -screen 0 1000x700x24 -nolisten tcp >/dev/null 2>&1 &
pids+=($!)
export HOME=$work DISPLAY=:$number QT_QPA_PLATFORM=xcb XDG_CONFIG_HOME=$work/config XDG_RUNTIME_DIR=$work
shown() { import -window root "$work/now.png" 2>/dev/null; }
eventually 20 shown
mkdir -p "$work/config"
# Without the tip of the day, and as large as the screen.
printf '[MainWindow]\n1000x700 screen: Width=1000\n1000x700 screen: Height=700\n[TipOfDay]\nRunOnStart=false\n' >"$work/config/kcachegrindrc"
dbus-run-session -- kcachegrind "$work/cpu.callgrind" >"$work/said" 2>&1 &
pids+=($!)
# Its window names the file once the file is read.
is_read() { xwininfo -root -tree 2>/dev/null | grep -q 'cpu\.callgrind.*KCachegrind'; }
eventually 60 is_read || fail 1 "kcachegrind does not show the profile" "$(tail -n 5 "$work/said")" ""
sleep 3
import -window root "$work/now.png"
kill -0 "${pids[1]}" || fail 1 "kcachegrind ended by itself" "$(tail -n 5 "$work/said")" ""
! grep -iE 'invalid|cannot|parse error' "$work/said" || fail 1 "kcachegrind complains" "see above" ""
mkdir -p "$(dirname "$picture")"
cp "$work/now.png" "$picture"
say "the picture is ${picture#"$repo"/}"
