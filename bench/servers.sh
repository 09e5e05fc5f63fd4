# shellcheck shell=bash
# The servers of the bench: a cluster of its own, bridges before it, and the broadcaster that is the limit. Sourced by
# bench/run after lib.sh and stack.sh, whose words it uses; it stops whatever it has started.

USERS=5000
BROADCASTER_PORT=$PORT
BROADCASTER=
BRIDGES=()       # process ids
BRIDGE_PORTS=    # with commas between

# On the disk of the project, where a flush costs what it costs; a folder in memory would flatter.
servers_start() {
  export PORCUPINE_DIR=${PORCUPINE_ASKED_DIR:-$BUILD/bench/cluster}
  reachable "$ROOT" || PORCUPINE_DIR=${PORCUPINE_ASKED_DIR:-/var/lib/porcupine-bench-$(hash_of "$ROOT")}
  find_folder
  [ ! -e "$DIR" ] || fail "$DIR is there: another bench may be running; remove it ('PORCUPINE_DIR=$DIR scripts/stack erase yes') if none is"
  make_folder
  # a folder for the page that the bridge wants to serve, and files that it can read
  as_service mkdir -m 0755 "$DIR/page" "$DIR/work"
  echo '<!doctype html><title>bench</title>' | as_service tee "$DIR/page/index.html" >/dev/null
  tar -cf - -C bridge porcupine-bridge | as_service tar -xf - --no-same-owner -C "$DIR/work"
  step "making a cluster in $DIR" make_cluster >&2
  step "starting PostgreSQL" start_postgres >&2
  step "preparing the database" make_database >&2
  sql -d "$DATABASE" -v users=$USERS -f - <bench/sql/people.sql
  bench/broadcaster "$BROADCASTER_PORT" &
  BROADCASTER=$!
  bridges_start 1
}

servers_stop() {
  bridges_stop
  [ -z "$BROADCASTER" ] || kill "$BROADCASTER" 2>/dev/null || true
  [ -n "${DIR:-}" ] || return 0
  stop_postgres
  rm -rf "$DIR" "$WORK"
}

# bridges_start N: that many, each on a port of its own.
bridges_start() {
  local i
  BRIDGES=()
  BRIDGE_PORTS=
  for ((i = 1; i <= $1; i++)); do
    bridge_start $((BROADCASTER_PORT + i))
    BRIDGE_PORTS+=${BRIDGE_PORTS:+,}$((BROADCASTER_PORT + i))
  done
}

# Every step execs, so the process id is the bridge's in the end.
bridge_start() {
  local tries run=()
  PORT=$1
  check_port
  [ "$(id -u)" -ne 0 ] || run=(setpriv --reuid="$SERVICE_USER" --regid="$(id -g "$SERVICE_USER")" --init-groups)
  (
    cd /
    exec "${run[@]}" env -i PATH=/usr/bin:/bin LANG=C.UTF-8 \
      PORCUPINE_PORT="$PORT" \
      PORCUPINE_DATABASE="host='$(conninfo_quote "$SOCK")' dbname=$DATABASE user=$NODE_ROLE" \
      PORCUPINE_PAGE="$DIR/page" \
      "$DIR/work/porcupine-bridge"
  ) </dev/null >>"$WORK/bridge-$PORT.log" 2>&1 &
  BRIDGES+=($!)
  for ((tries = 0; tries < 300; tries++)); do
    [ "$(http_status /readyz)" != 200 ] || return 0
    sleep 0.1
  done
  tail -n 5 "$WORK/bridge-$PORT.log" >&2
  fail "the bridge did not become ready on port $PORT"
}

bridges_stop() {
  local pid
  for pid in "${BRIDGES[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${BRIDGES[@]}"; do wait "$pid" 2>/dev/null || true; done
  BRIDGES=()
}
