# shellcheck shell=bash source-path=SCRIPTDIR
# Prometheus, and Grafana where there are containers, beside a fleet: `compose/fleet up --dashboards`.
# A fleet that has them keeps them; `dashboards/` in its folder says so.

: "${dir:=}" "${here:=}"

dashboards_are_on() { [[ -d $dir/dashboards ]]; }

dashboards_names() { ! dashboards_are_on || backend_dashboards; }

# Chooses ports once; they stay for the life of the folder.
dashboards_prepare() {
  (umask 077 && mkdir -p "$dir/dashboards")
  [[ -z $(port prometheus) ]] || return 0
  local ports
  mapfile -t ports < <(free_ports 2)
  printf 'prometheus=%s\ngrafana=%s\n' "${ports[@]}" >>"$dir/ports"
}

# Once there is a token: it is made with the fleet.
dashboards_start() {
  local name token=$dir/config/metrics.token
  dashboards_are_on || return 0
  [[ -s $token ]] || fail 64 "this fleet has no token for /metrics" "it was made by an older version" \
    "compose/fleet down --purge --dir $dir"
  (
    umask 077
    cp "$here/dashboards/prometheus.yml" "$token" "$dir/dashboards/"
    printf '[{"targets": ["%s"]}]\n' "$(backend_scraped)" >"$dir/dashboards/targets.json"
  )
  for name in $(backend_dashboards); do
    backend_start "$name"
    eventually 60 listens "$(port "$name")" || fail 69 "$name did not start" \
      "$(backend_logs no "$name" 2>&1 | tail -n 1)" "compose/fleet logs $name --dir $dir"
    say "$name on http://127.0.0.1:$(port "$name")"
  done
}
