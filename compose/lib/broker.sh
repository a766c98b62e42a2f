# shellcheck shell=bash source-path=SCRIPTDIR
# A private RabbitMQ from the distribution: own folder, own node name, own ports, loopback only.
# The system's RabbitMQ service is neither used nor touched.

# The folder of the fleet: every script sets it.
: "${dir:=}"
# The folder of compose: every script sets it.
: "${here:=}"

# Chooses ports and a password once; they stay for the life of the folder.
broker_prepare() {
  local home=$dir/broker
  mkdir -p "$home"
  if [[ ! -s $dir/ports ]]; then
    local ports
    mapfile -t ports < <(free_ports 5)
    printf 'amqp=%s\nmanagement=%s\ndistribution=%s\nepmd=%s\nhttp=%s\n' "${ports[@]}" >"$dir/ports"
  fi
  [[ -s $home/password ]] || (umask 077 && secret >"$home/password")
}

port() { sed -n "s/^$1=//p" "$dir/ports"; }

broker_configuration() { "$here/containers/rabbitmq-conf" "$here/rabbitmq.conf" "$dir/broker/password"; }

broker_env() {
  local home=$dir/broker
  printf '%s\n' "HOME=$home" LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    "RABBITMQ_NODENAME=muster$(port amqp)@localhost" \
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 "RABBITMQ_NODE_PORT=$(port amqp)" \
    "RABBITMQ_DIST_PORT=$(port distribution)" \
    "ERL_EPMD_PORT=$(port epmd)" ERL_EPMD_ADDRESS=127.0.0.1 \
    "RABBITMQ_MNESIA_BASE=$home/mnesia" "RABBITMQ_LOG_BASE=$dir/log" \
    "RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf" "RABBITMQ_CONFIG_FILES=$home/no-conf.d" \
    "RABBITMQ_ADVANCED_CONFIG_FILE=$home/no-advanced.config" \
    "RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins" \
    "RABBITMQ_CONF_ENV_FILE=$home/no-env.conf" "RABBITMQ_PID_FILE=$home/pid" \
    RUNNING_UNDER_SYSTEMD=true \
    'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}'
}

broker_listens() { is_up broker && listens "$(port amqp)" && listens "$(port management)"; }
broker_settled() { is_down broker || broker_listens; }

broker_start() {
  ! is_up broker || return 0
  local home=$dir/broker environment name
  for name in amqp management; do
    # A killed node's sockets outlive its pid by a moment.
    eventually 10 closed "$(port $name)" || fail 75 "port $(port $name) is taken" \
      "another program took it since this fleet was made" "compose/fleet down --purge --dir $dir"
  done
  (
    umask 077
    broker_configuration >"$home/rabbitmq.conf"
    printf 'management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %s\n' "$(port management)" \
      >>"$home/rabbitmq.conf"
    printf '[rabbitmq_management].\n' >"$home/enabled_plugins"
  )
  mapfile -t environment < <(broker_env)
  ulimit -n "$(ulimit -Hn)"
  # epmd would start itself as a daemon that nobody stops; ours has a pid file.
  is_up epmd || spawn epmd env -i "${environment[@]}" "$(mark epmd)" epmd
  eventually 10 listens "$(port epmd)" || fail 69 "epmd did not start" \
    "$(tail -n 1 "$dir/log/epmd.log")" "see $dir/log/epmd.log"
  # RUNNING_UNDER_SYSTEMD only makes the script become the node, so that the pid is the node's own.
  spawn broker env -i "${environment[@]}" "$(mark broker)" "$(broker_sbin)/rabbitmq-server"
  eventually 120 broker_settled || true
  broker_listens || fail 69 "the broker did not start" \
    "$(grep -m 1 -i -E 'error|failed|eaddrinuse' "$dir/log/broker.log" || echo "it said nothing within 120 s")" \
    "see $dir/log/broker.log"
}

broker_stop() {
  stop broker 40
  stop epmd 5
}
