# shellcheck shell=bash source-path=SCRIPTDIR
# What each step of tests/run needs beside cargo, and why. tests/run notes it for all chosen steps
# before the first one; a step's script that is called by itself notes its own.

# shellcheck source=../../compose/lib/packages.sh
. compose/lib/packages.sh

rabbitmq4_root=${MUSTER_RABBITMQ4_ROOT:-/var/cache/muster-rabbitmq4}

# need_for STEP
need_for() {
  need jq "reads what cargo and muster print" has jq
  need python3 "runs checks and oracles of the tests" has python3
  [[ $1 =~ ^(fences|docker|compose)$ ]] || need_build
  [[ $1 =~ ^(fmt|fences|deny|docker|compose)$ ]] || need_pages
  case $1 in
    unit)
      need golang-go "go tool pprof reads exported profiles" has go
      need binutils "objcopy makes debug files" has objcopy
      need valgrind "callgrind_annotate reads exported profiles" has callgrind_annotate
      need librsvg2-bin "rsvg-convert draws the pictures that are compared" has rsvg-convert
      need unzip "opens archives with a password" has unzip
      ;;
    it | faults | kills | hostile | breaks) need_for_integration ;;
    dashboards)
      need_for_integration
      need prometheus "scrapes a fleet" has prometheus
      ;;
    console)
      need_for_integration
      need chromium "opens the console" has chromium
      ;;
    browser) need chromium "opens the flame graph" has chromium ;;
    valgrind)
      need_for_integration
      need valgrind "watches the sampler's memory" has valgrind
      ;;
    kcachegrind)
      need_fleet processes
      need kcachegrind "opens the exported profile" has kcachegrind
      need xvfb "the display that kcachegrind runs under" has Xvfb
      need imagemagick "takes the picture of that display" has import
      need x11-utils "xwininfo finds the program's window" has xwininfo
      need dbus "dbus-run-session, which kcachegrind wants" has dbus-run-session
      ;;
    rabbitmq4)
      [[ -e $rabbitmq4_root/complete ]] || {
        need mmdebstrap "makes a root of Debian trixie" has mmdebstrap
        need_other "Debian trixie" "with RabbitMQ 4.0, in $rabbitmq4_root" tests/steps/rabbitmq4.sh --root-only
      }
      ;;
    docker | compose) need_fleet docker ;;
  esac
}

need_for_integration() {
  need_broker
  need openssl "makes certificates" has openssl
  need strace "shows the order of system calls" has strace
  need unzip "opens archives with a password" has unzip
  need golang-go "go tool pprof reads exported profiles" has go
  need binutils "objcopy makes debug files" has objcopy
  need acl "setfacl makes files that only an ACL closes" has setfacl
  need btrfs-progs "mkfs.btrfs: hunts over subvolumes" has mkfs.btrfs
  need dosfstools "mkfs.vfat: hunts over a file system without inodes" has mkfs.vfat
  need b3sum "BLAKE3 from other code than ours" has b3sum
}
