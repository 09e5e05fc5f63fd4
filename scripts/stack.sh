# shellcheck shell=bash
# The private cluster and the bridge of one data folder: where they are, how each
# is started and stopped. Sourced by scripts/stack and scripts/run after lib.sh.
#
# What a data folder (PORCUPINE_DIR, by default .run/ in the project) holds:
#   pg/          PostgreSQL's data; pg.new while initdb has not finished
#   sock/        its socket, the only way in: there is no TCP (a short path in
#                /tmp instead where this one would be too long for a socket)
#   app/         copies of the bridge and the page that run, so that a later
#                build disturbs nobody
#   log/         PostgreSQL's by weekday, the bridge's
#   bridge.pid   and run.lock, held by `make run` with its process id inside
# All of it belongs to the user that runs it, and nobody else may look inside.

PORT=${PORCUPINE_PORT:-8080}
DATABASE=porcupine
NODE_ROLE=porcupine_node
# who the bridge is to the database: the service's user here, another in a container
NODE_USER=${NODE_USER:-}
# how one begins with an empty database
AFRESH=${AFRESH:-"'make erase-data CONFIRM=yes' and 'make run' start afresh, or use another PORCUPINE_DIR"}

# --- where things are -----------------------------------------------------------

# Sets DIR, DATA, SOCK, APP, LOG, BRIDGE_PID and RUN_LOCK. Creates nothing.
find_folder() {
  check_port_number
  SERVICE_USER=$(service_user)
  DIR=$(data_folder)
  DATA=$DIR/pg
  APP=$DIR/app
  LOG=$DIR/log
  SOCK=$DIR/sock
  # sun_path holds 107 bytes, and PostgreSQL adds /.s.PGSQL.5432
  if [ "$(printf '%s' "$SOCK/.s.PGSQL.5432" | wc -c)" -gt 107 ]; then
    SOCK=/tmp/porcupine-$(hash_of "$DIR")
  fi
  BRIDGE_PID=$DIR/bridge.pid
  # shellcheck disable=SC2034 # for scripts/run and scripts/stack
  RUN_LOCK=$DIR/run.lock
}

check_port_number() {
  local lowest
  lowest=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)
  if ! [[ $PORT =~ ^[1-9][0-9]{0,4}$ ]] || [ "$PORT" -gt 65535 ]; then
    fail "PORCUPINE_PORT=$PORT is not a port: give a number between $lowest and 65535"
  fi
  [ "$PORT" -ge "$lowest" ] ||
    fail "PORCUPINE_PORT=$PORT needs root, which the bridge never is: choose $lowest or above"
}

# A folder that another user's run made is as good as absent to us, so say it.
check_access() {
  if [ -d "$DIR" ] && [ ! -x "$DIR" ]; then
    fail "$DIR belongs to $(stat -c %U "$DIR"): run this as that user or as root, or name another PORCUPINE_DIR"
  fi
}

# As root, a checkout under /root cannot hold the data: PostgreSQL, which never
# runs as root, could not reach it.
data_folder() {
  if [ -n "${PORCUPINE_DIR:-}" ]; then
    realpath -m -- "$PORCUPINE_DIR"
  elif reachable "$ROOT"; then
    echo "$ROOT/.run"
  else
    echo "/var/lib/porcupine-$(hash_of "$ROOT")"
  fi
}

reachable() { as_service test -x "$1" -a -r "$1"; }

hash_of() { printf '%s' "$1" | sha256sum | cut -c1-8; }

make_folder() {
  local parent
  parent=$(dirname "$DIR")
  mkdir -p "$parent" 2>/dev/null || fail "cannot make $parent: name another folder with PORCUPINE_DIR"
  reachable "$parent" ||
    fail "user $SERVICE_USER, who runs PostgreSQL, cannot reach $parent: name another folder with PORCUPINE_DIR, for example /var/lib/porcupine"
  private_folder "$DIR"
  private_folder "$SOCK"
  private_folder "$LOG"
}

# A folder that was planted by somebody else is refused, not taken over.
private_folder() {
  local owner
  [ ! -L "$1" ] || fail "$1 is a link: remove it, or name another folder with PORCUPINE_DIR"
  if [ ! -d "$1" ]; then
    as_service mkdir -m 0700 "$1" 2>/dev/null || as_root_for_service "$1" ||
      fail "cannot make $1: check who owns the folder above, or name another one with PORCUPINE_DIR"
  fi
  owner=$(stat -c %U "$1")
  [ "$owner" = "$SERVICE_USER" ] ||
    fail "$1 belongs to $owner and Porcupine would run as $SERVICE_USER: name another folder with PORCUPINE_DIR, or give this one to $SERVICE_USER"
}

# Where only root may write, as in the project's own folder.
as_root_for_service() {
  [ "$(id -u)" -eq 0 ] && mkdir -m 0700 "$1" && chown "$SERVICE_USER:" "$1"
}

# --- PostgreSQL -------------------------------------------------------------------

postgres_pid() {
  local pid
  pid=$(head -n 1 "$DATA/postmaster.pid" 2>/dev/null) || return 1
  runs "$pid" "$DATA" && echo "$pid"
}

# runs PID WORD: alive, with WORD on its command line; so it is no stranger that
# got the number of a dead one.
runs() {
  [[ $1 =~ ^[0-9]+$ ]] && tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qxF -- "$2"
} 2>/dev/null

start_postgres() {
  local pid tries
  if postgres_pid >/dev/null; then return; fi
  check_data_version
  # PostgreSQL clears away the lock of a dead server, but not one whose number
  # another process of the same user has by now
  pid=$(head -n 1 "$DATA/postmaster.pid" 2>/dev/null || true)
  if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
    as_service rm -f "$DATA/postmaster.pid" "$SOCK/.s.PGSQL.5432.lock"
  fi
  write_settings
  as_service touch "$LOG/start.log"
  # what a killed server left behind holds its memory for a moment
  for ((tries = 0; tries < 10; tries++)); do
    if as_service "$PG_BIN/pg_ctl" start -s -w -t 60 -D "$DATA" -l "$LOG/start.log" 9>&-; then return; fi
    tail -n 3 "$LOG/start.log" | grep -q 'is still in use' || break
    sleep 1
  done
  tail -n 5 "$LOG/start.log" >&2
  tail -qn 5 "$LOG/postgresql-$(LC_ALL=C date -u +%a).log" 2>/dev/null | grep FATAL >&2 || true
  fail "PostgreSQL did not start; its last words are above, the rest is in $LOG"
}

stop_postgres() {
  postgres_pid >/dev/null || return 0
  as_service "$PG_BIN/pg_ctl" stop -s -w -t 60 -m fast -D "$DATA" ||
    fail "PostgreSQL (process $(postgres_pid)) did not stop within a minute: see $LOG"
}

check_data_version() {
  local version
  [ -f "$DATA/PG_VERSION" ] || fail "there is no cluster in $DIR yet: 'make run' makes it"
  version=$(cat "$DATA/PG_VERSION")
  [ "$version" = "$PG_MAJOR" ] ||
    fail "the data in $DATA is of PostgreSQL $version and this would run $PG_MAJOR: take it over with pg_upgrade, set PG_CONFIG to the pg_config of $version, or start afresh in another PORCUPINE_DIR"
}

# Made under another name and renamed when whole, so that an interrupted initdb
# leaves nothing that could be taken for a cluster.
make_cluster() {
  local new=$DATA.new
  [ ! -f "$DATA/PG_VERSION" ] || return 0
  [ ! -e "$DATA" ] || fail "$DATA is there but is no PostgreSQL cluster: move it away, then run this again"
  need_space "$DIR"
  as_service rm -rf "$new"
  as_service "$PG_BIN/initdb" -D "$new" -U postgres --encoding=UTF8 --locale=C.UTF-8 \
    --data-checksums --auth-local=peer --auth-host=reject --no-instructions
  echo "include 'porcupine.conf'" | as_service tee -a "$new/postgresql.conf" >/dev/null
  sync -f "$new"
  as_service mv "$new" "$DATA"
}

# Written at every start, for the folder may have been moved since the last one.
write_settings() {
  local user
  as_service tee "$DATA/porcupine.conf" >/dev/null <<CONF
# Written by Porcupine at every start; other settings go into postgresql.conf.
listen_addresses = ''
port = 5432
unix_socket_directories = '${SOCK//\'/\'\'}'
unix_socket_permissions = 0700
shared_preload_libraries = 'porcupine'
shared_buffers = $(shared_buffers)MB
fsync = on
full_page_writes = on
synchronous_commit = on
logging_collector = on
log_directory = '${LOG//\'/\'\'}'
log_filename = 'postgresql-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_statement = 'none'
log_min_duration_statement = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_timezone = 'UTC'
timezone = 'UTC'
CONF
  # no passwords: the kernel says who is at the other end of the socket
  echo "local all all peer map=porcupine" | as_service tee "$DATA/pg_hba.conf" >/dev/null
  {
    echo "# map user-of-this-machine role"
    for user in $(printf '%s\n' "$SERVICE_USER" "$(id -un)" | sort -u); do
      echo "porcupine \"$user\" postgres"
    done
    echo "porcupine \"${NODE_USER:-$SERVICE_USER}\" $NODE_ROLE"
  } | as_service tee "$DATA/pg_ident.conf" >/dev/null
}

# A quarter of the memory, from 128 MB to 1 GB: fifty events of a room lie on as many pages of the table, and those of
# all rooms that are read are to stay in it. A container may have less memory than the machine.
shared_buffers() {
  local memory limit
  memory=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  [ "$limit" = max ] || [ $((limit / 1024)) -ge "$memory" ] || memory=$((limit / 1024))
  memory=$((memory / 4096))
  [ "$memory" -ge 128 ] || memory=128
  [ "$memory" -le 1024 ] || memory=1024
  echo "$memory"
}

sql() { as_service "$PG_BIN/psql" -h "$SOCK" -U postgres -X -q -At -v ON_ERROR_STOP=1 "$@"; }

# Each step may have been done by an earlier run that was interrupted.
make_database() {
  if [ -z "$(sql -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$DATABASE'")" ]; then
    sql -d postgres -c "CREATE DATABASE $DATABASE"
  fi
  sql -d "$DATABASE" --single-transaction -f - <<SQL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS porcupine;
ALTER EXTENSION porcupine UPDATE;
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$NODE_ROLE') AS absent \gset
\if :absent
  CREATE ROLE $NODE_ROLE LOGIN IN ROLE porcupine_bridge;
\endif
-- what the bridge sends are secrets and ciphertext: none of it belongs in a log
ALTER ROLE $NODE_ROLE SET log_statement = 'none';
ALTER ROLE $NODE_ROLE SET log_min_duration_statement = -1;
ALTER ROLE $NODE_ROLE SET log_parameter_max_length = 0;
ALTER ROLE $NODE_ROLE SET log_parameter_max_length_on_error = 0;
ALTER ROLE $NODE_ROLE SET log_min_error_statement = 'panic';
ALTER ROLE $NODE_ROLE SET auto_explain.log_min_duration = -1;
ALTER ROLE $NODE_ROLE SET statement_timeout = '30s';
ALTER ROLE $NODE_ROLE SET idle_in_transaction_session_timeout = '10s';
SQL
}

# Until a version is released its script may change without an update, and a database
# made by an older one would misbehave in ways that are hard to read.
remember_script() {
  local folder version now made
  folder=$("$PG_CONFIG" --sharedir)/extension
  version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$folder/porcupine.control")
  now=$(sha256sum "$folder/porcupine--$version.sql" | cut -d' ' -f1)
  made=$DIR/script-$version.sha256
  if [ ! -f "$made" ]; then
    echo "$now" | as_service tee "$made" >/dev/null
  elif [ "$(cat "$made")" != "$now" ]; then
    say "warning: the extension's SQL has changed since this database was made and is not applied to it;"
    say "         $AFRESH"
  fi
}

# --- the bridge ----------------------------------------------------------------------

bridge_pid() {
  local pid
  pid=$(cat "$BRIDGE_PID" 2>/dev/null) || return 1
  runs "$pid" "$APP/porcupine-bridge" && echo "$pid"
}

start_bridge() {
  local pid tries
  if bridge_pid >/dev/null; then return; fi
  check_port
  deploy
  if [ -s "$LOG/bridge.log" ] && [ "$(stat -c %s "$LOG/bridge.log")" -gt 10000000 ]; then
    as_service mv "$LOG/bridge.log" "$LOG/bridge.log.1"
  fi
  launch_bridge
  pid=$(cat "$BRIDGE_PID")
  for ((tries = 0; tries < 300; tries++)); do
    # the first looks may come before the last exec
    if [ "$tries" -gt 5 ] && ! runs "$pid" "$APP/porcupine-bridge"; then break; fi
    if [ "$(http_status /readyz)" = 200 ]; then return; fi
    sleep 0.1
  done
  tail -n 5 "$LOG/bridge.log" >&2
  stop_bridge
  fail "the bridge did not become ready on port $PORT; its last words are above, the rest is in $LOG/bridge.log"
}

# In a session of its own, so that Ctrl-C in the terminal leaves the order of
# stopping to the script. Every step execs, so the process id stays; the log is
# opened by the one who owns it, never by root.
launch_bridge() {
  (
    if [ "$(id -u)" -eq 0 ]; then
      set -- setpriv --reuid="$SERVICE_USER" --regid="$(id -g "$SERVICE_USER")" --init-groups
    fi
    cd /
    bridge_environment
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec setsid "$@" sh -c 'exec "$0" </dev/null >>"$1" 2>&1 9>&-' "$APP/porcupine-bridge" "$LOG/bridge.log"
  ) &
  echo $! | as_service tee "$BRIDGE_PID" >/dev/null
  disown
}

# Of the caller's environment the bridge gets its settings, whichever are set, and says
# itself when a name is none. Nothing of it stands in the arguments of a command, which
# everybody on the machine can read: a setting may be a secret. What a sanitizer is told
# comes along, for a bridge that has one.
bridge_environment() {
  local name database
  for name in $(compgen -e); do
    # shellcheck disable=SC2163 # the variable that it names
    if [[ $name != PORCUPINE_* && $name != @(A|UB)SAN_OPTIONS || $name = PORCUPINE_@(DIR|BRIDGE) || -z ${!name} ]]; then export -n "$name"; fi
  done
  export PATH=/usr/bin:/bin LANG=C.UTF-8
  export PORCUPINE_LISTEN=${PORCUPINE_LISTEN:-127.0.0.1} PORCUPINE_PORT=$PORT PORCUPINE_PAGE=$APP/dist
  database="host='$(conninfo_quote "$SOCK")' dbname=$DATABASE user=$NODE_ROLE application_name=porcupine-bridge"
  export PORCUPINE_DATABASE=$database
}

conninfo_quote() { printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g"; }

check_port() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
    fail "port $PORT is in use by another program: stop it, or choose another port, for example PORCUPINE_PORT=$((PORT < 65535 ? PORT + 1 : 8080)) make run"
  fi
}

# Copies what will run: it stays as it is while the project is built again, and
# the service's user can read it even where it cannot read the project.
# PORCUPINE_BRIDGE is a test's, which has built another one.
deploy() {
  local program=${PORCUPINE_BRIDGE:-$ROOT/bridge/porcupine-bridge}
  [ -x "$program" ] || fail "the bridge is not built: run 'make build'"
  [ -f web/dist/index.html ] || fail "the page is not built: run 'make build'"
  as_service rm -rf "$APP.new" "$APP"
  as_service mkdir "$APP.new"
  tar -cf - -C "$(dirname "$program")" porcupine-bridge -C "$ROOT/web" dist |
    as_service tar -xf - --no-same-owner -C "$APP.new"
  as_service mv "$APP.new" "$APP"
}

# SIGTERM lets it drain; what has not ended after ten seconds is ended.
stop_bridge() {
  local pid tries
  if pid=$(bridge_pid); then
    kill -TERM "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 100; tries++)); do
      runs "$pid" "$APP/porcupine-bridge" || break
      sleep 0.1
    done
    if runs "$pid" "$APP/porcupine-bridge"; then
      say "the bridge did not end within ten seconds and is killed"
      kill -KILL "$pid" 2>/dev/null || true
    fi
  fi
  rm -f "$BRIDGE_PID"
}

# The status of GET PATH at the bridge, or nothing.
http_status() {
  local answer
  # in a shell of its own, which a closed connection may end
  answer=$({
    exec 3<>"/dev/tcp/127.0.0.1/$PORT"
    printf 'GET %s HTTP/1.1\r\nHost: localhost:%s\r\nConnection: close\r\n\r\n' "$1" "$PORT" >&3
    IFS= read -r -t 5 line <&3 && printf '%s' "$line"
  } 2>/dev/null || true)
  answer=${answer#HTTP/1.1 }
  printf '%s' "${answer%% *}"
}

# --- both --------------------------------------------------------------------------------

stack_up() {
  make_folder
  check_bridge_can_start
  if [ ! -f "$DATA/PG_VERSION" ]; then
    step "making a private PostgreSQL cluster in $DIR" make_cluster
  fi
  step "starting PostgreSQL" start_postgres
  step "preparing the database" make_database
  remember_script
  step "starting the bridge" start_bridge
}

# Before the slow steps, so that the answer does not come at the end of them.
check_bridge_can_start() {
  bridge_pid >/dev/null || check_port
}

stack_down() {
  stop_bridge
  stop_postgres
}
