# shellcheck shell=bash
# The workload `history`: pages of fifty events over HTTP, the latest and one anywhere, of random rooms, in a database of ten
# million events and in one of ten thousand that is as interleaved. Sourced by bench/run; see workloads.sh.

BIG_ROOMS=10000 BIG_EVENTS=1000
SMALL_ROOMS=100 SMALL_EVENTS=100
READERS=16

prepare_history() {
  cluster_use history
  # it can be made again, so nothing waits for a disk meanwhile
  cluster_restart '-c fsync=off -c full_page_writes=off -c max_wal_size=32GB -c maintenance_work_mem=512MB'
  history_make porcupine "$BIG_ROOMS" "$BIG_EVENTS"
  history_make small "$SMALL_ROOMS" "$SMALL_EVENTS"
  cluster_restart
  sync -f "$DATA"
  # all of it in memory, which is what is compared
  as_service sh -c 'find "$0" -type f -exec cat {} + >/dev/null' "$DATA/base"
  bridges_stop
  bridge_start $((BROADCASTER_PORT + 1)) porcupine
  bridge_start $((BROADCASTER_PORT + 2)) small
  history_warm porcupine 1
  history_warm small 2
}

round_history() {
  local page
  for page in latest deep; do
    history_read small 2 "$page" "$1" $SMALL_ROOMS $SMALL_EVENTS
    history_read porcupine 1 "$page" "$1" "$BIG_ROOMS" "$BIG_EVENTS"
  done
}

# history_make DATABASE ROOMS EVENTS: unless it is there, of this size and by this version of the extension's SQL.
history_make() {
  local made="$2 rooms of $3 events, "
  made+=$(cat "$("$PG_CONFIG" --sharedir)"/extension/porcupine--*.sql | sha256sum)
  [ "$(cat "$DIR/history-$1" 2>/dev/null)" != "$made" ] || return 0
  sql -d postgres -c 'SET client_min_messages = warning' -c "DROP DATABASE IF EXISTS $1" -c "CREATE DATABASE $1" -c "ALTER DATABASE $1 SET porcupine.adopt_roles = on"
  (DATABASE=$1 && cluster_start)
  step "writing a history of $(($2 * $3)) events" sql -d "$1" -v rooms="$2" -v events="$3" -f - <bench/sql/history.sql >&2
  echo "$made" | as_service tee "$DIR/history-$1" >/dev/null
}

# history_warm DATABASE BRIDGE: tokens for a member of each room, and a page for each of them, so that the bridge has seen them.
history_warm() {
  DATABASE=$1 tokens history 1
  mv "$WORK/people" "$WORK/readers-$1"
  timeout 300 bench/rest each $((BROADCASTER_PORT + $2)) "$WORK/readers-$1" $READERS 0 0 "" >/dev/null || fail "reading history failed; its last words are above"
}

# history_read DATABASE BRIDGE PAGE ROUND ROOMS EVENTS-A-ROOM
history_read() {
  timeout 300 bench/rest "$3" $((BROADCASTER_PORT + $2)) "$WORK/readers-$1" $READERS "$SECONDS_EACH" "$6" \
    "$(label history "$3" "$4")\"events\":$(($5 * $6))," | tee -a "$RESULTS" || failed history "no result of $3 pages from $1; why is said above"
}
