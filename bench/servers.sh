# shellcheck shell=bash
# The servers of the bench: clusters of its own, bridges before them, and the broadcaster that is the limit. Sourced by
# bench/run after lib.sh and stack.sh, whose words it uses; it stops whatever it has started.
#
# There are two clusters, of which one runs at a time: live, made afresh for every run, and history, which holds what takes
# minutes to make and is kept where that is asked for.

HOME_DIR=           # where both are
BROADCASTER_PORT=$PORT
BROADCASTER=        # process id
BRIDGES=()          # process ids
BRIDGE_PORTS=       # with commas between
REDIS=              # process id
SLOW=               # process id of the connections that keep a bridge waiting

# On the disk of the project, where a flush costs what it costs; a folder in memory would flatter.
servers_start() {
  HOME_DIR=${ASKED_DIR:-$BUILD/bench}
  SERVICE_USER=$(service_user)
  reachable "$ROOT" || HOME_DIR=${ASKED_DIR:-/var/lib/porcupine-bench-$(hash_of "$ROOT")}
  mkdir -p "$HOME_DIR"
  exec 9>"$HOME_DIR/lock"
  flock -n 9 || fail "another bench runs in $HOME_DIR: wait for it, or name another folder with PORCUPINE_DIR"
  check_port
  WORK=$(mktemp -d)
  trap servers_stop EXIT
  trap 'exit 130' INT TERM
  forget_killed_run
  chmod 0755 "$WORK"
  # what the service's user runs and reads
  mkdir "$WORK/page"
  echo '<!doctype html><title>bench</title>' >"$WORK/page/index.html"
  cp bridge/porcupine-bridge bench/slowflush.so "$WORK"
  bench/broadcaster "$BROADCASTER_PORT" >/dev/null 9>&- &
  BROADCASTER=$!
}

# What a run that was killed has left behind.
forget_killed_run() {
  local cluster
  for cluster in live history; do
    PORCUPINE_DIR=$HOME_DIR/$cluster
    find_folder
    stop_postgres
  done
  DIR=
  rm -rf "$HOME_DIR/live" "$BUILD"/bench/bridge-*.log
}

servers_stop() {
  [ -z "$SLOW" ] || kill "$SLOW" 2>/dev/null || true
  bridges_stop
  redis_stop
  [ -z "$BROADCASTER" ] || kill "$BROADCASTER" 2>/dev/null || true
  cluster_stop
  rm -rf "$HOME_DIR/live" "$WORK"
  [ -n "$KEEP" ] || rm -rf "$HOME_DIR/history"
}

# --- clusters --------------------------------------------------------------------------------------------

# cluster_use live|history: that one runs, made if need be, and the other does not.
cluster_use() {
  [ "${DIR:-}" != "$HOME_DIR/$1" ] || return 0
  cluster_stop
  PORCUPINE_DIR=$HOME_DIR/$1
  find_folder
  make_folder
  step "making the cluster $1" make_cluster >&2
  cluster_start
}

cluster_start() {
  step "starting PostgreSQL" start_postgres 9>&- >&2
  step "preparing the database" make_database >&2
  [ -n "$(sql -d "$DATABASE" -c 'SELECT 1 FROM porcupine.users LIMIT 1')" ] || sql -d "$DATABASE" -f - <bench/sql/people.sql
}

cluster_stop() {
  bridges_stop
  [ -z "${DATA:-}" ] || stop_postgres
}

# cluster_restart [OPTIONS [VARIABLE=VALUE...]]: PostgreSQL again, with options of its own, or as it always is.
cluster_restart() {
  bridges_stop
  stop_postgres
  if [ $# -eq 0 ]; then
    start_postgres 9>&-
  else
    as_service env "${@:2}" "$PG_BIN/pg_ctl" start -s -w -t 60 -D "$DATA" -l "$LOG/start.log" -o "$1" 9>&-
  fi
}

# --- bridges ----------------------------------------------------------------------------------------------

# bridges_start N [VARIABLE=VALUE...]: so many run, started just now.
bridges_start() {
  local i
  bridges_stop
  for ((i = 1; i <= $1; i++)); do
    bridge_start $((BROADCASTER_PORT + i)) "$DATABASE" "${@:2}"
  done
}

# bridge_start PORT DATABASE [VARIABLE=VALUE...]
bridge_start() {
  local tries log=$BUILD/bench/bridge-$1.log conninfo
  conninfo="host='$(conninfo_quote "$SOCK")' dbname=$2 user=$NODE_ROLE"
  PORT=$1
  shift 2
  check_port
  (exec_as_service env -i PATH=/usr/bin:/bin LANG=C.UTF-8 PORCUPINE_PORT="$PORT" PORCUPINE_DATABASE="$conninfo" \
    PORCUPINE_PAGE="$WORK/page" PORCUPINE_LIMITS=scale=1000000 "$@" "$WORK/porcupine-bridge") </dev/null >>"$log" 2>&1 9>&- &
  BRIDGES+=($!)
  BRIDGE_PORTS+=${BRIDGE_PORTS:+,}$PORT
  for ((tries = 0; tries < 300; tries++)); do
    [ "$(http_status /readyz)" != 200 ] || return 0
    sleep 0.1
  done
  tail -n 5 "$log" >&2
  fail "the bridge did not become ready on port $PORT; is the extension that was built also installed?"
}

bridges_stop() {
  local pid
  for pid in "${BRIDGES[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${BRIDGES[@]}"; do wait "$pid" 2>/dev/null || true; done
  BRIDGES=()
  BRIDGE_PORTS=
}

# In place of the shell, so that its process id is the server's.
exec_as_service() {
  cd /
  [ "$(id -u)" -ne 0 ] || set -- setpriv --reuid="$SERVICE_USER" --regid="$(id -g "$SERVICE_USER")" --init-groups "$@"
  exec "$@"
}

# --- Redis ------------------------------------------------------------------------------------------------

REDIS_PORT=$((BROADCASTER_PORT + 5))

redis_start() {
  local tries
  [ -x /usr/bin/redis-check-rdb ] || fail "the workload 'nodes' needs Redis: 'scripts/packages run test' installs it"
  # the server under the name of a tool that comes with it; it looks at the name it is called by
  # shellcheck disable=SC2016 # expanded by the inner shell
  (exec_as_service bash -c 'exec -a redis-server "$0" "$@"' /usr/bin/redis-check-rdb \
    --bind 127.0.0.1 --port "$REDIS_PORT" --save '' --appendonly no --dir "$WORK") >"$WORK/redis.log" 2>&1 9>&- &
  REDIS=$!
  for ((tries = 0; tries < 100; tries++)); do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$REDIS_PORT") 2>/dev/null || return 0
    sleep 0.1
  done
  tail -n 5 "$WORK/redis.log" >&2
  fail "Redis did not start on port $REDIS_PORT"
}

redis_stop() {
  [ -n "$REDIS" ] || return 0
  kill "$REDIS" 2>/dev/null || true
  wait "$REDIS" 2>/dev/null || true
  REDIS=
}
