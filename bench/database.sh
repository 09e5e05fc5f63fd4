# shellcheck shell=bash
# The workloads in the database alone, by pgbench, and the limit that a row inserted by nothing but INSERT is. Sourced by
# bench/run; see workloads.sh.

SLOW_FLUSH_US=2000

# The limit: rows a second, singly and by fifty; and what a bridge makes of fifty sends.
prepare_insert() {
  sql_rooms
  make_bare_table
}
round_insert() {
  pgbench_case insert insert "$1" 8 1 1000
  pgbench_case insert insert_50 "$1" 8 50 1000
  pgbench_case insert send_50 "$1" 8 50 1000
}

# Sends from 32 sessions into 1, 100 and 10,000 rooms while a bridge listens, beside the same without any wake-up.
prepare_sql() { sql_rooms; }
round_sql() {
  local rooms
  for rooms in 1 100 10000; do loud_and_quiet sql "$1" "$rooms"; done
}

# The same with 2 ms added to each flush.
prepare_slow_flush() {
  sql_rooms
  cluster_restart '' LD_PRELOAD="$WORK/slowflush.so" SLOWFLUSH_US=$SLOW_FLUSH_US
  bridges_start 1
}
round_slow_flush() { loud_and_quiet slow_flush "$1" 10000; }
finish_slow_flush() {
  cluster_restart
  bridges_start 1
}

# The same where the extension is not preloaded: the wake-up is a NOTIFY within the transaction of the send.
prepare_no_preload() {
  sql_rooms
  cluster_restart '-c shared_preload_libraries='
  bridges_start 1
}
round_no_preload() { loud_and_quiet no_preload "$1" 10000; }
finish_no_preload() { finish_slow_flush; }

# Logins with a password over HTTP, eight at a time, and what the same costs the database: nearly all of it is Argon2id.
prepare_logins() {
  cluster_use live
  [ ${#BRIDGES[@]} -eq 1 ] || bridges_start 1
  login_people
}
round_logins() {
  timeout 300 bench/rest login "$BRIDGE_PORTS" "$WORK/logins" 8 "$SECONDS_EACH" 0 "$(label logins bridge "$1")" | tee -a "$RESULTS" ||
    failed logins "no result; why is said above"
  pgbench_case logins login "$1" 8 1 20
}

# 10,000 tries from 100 addresses to sign in with passwords that leaked elsewhere, by the limits that a bridge has by itself, while
# owners of accounts sign in. In each round the bridge has forgotten the tries of the last one.
prepare_stuffing() {
  cluster_use live
  login_people
}
round_stuffing() {
  bridges_start 1 PORCUPINE_LIMITS=on
  timeout 600 bench/stuffing "$BRIDGE_PORTS" "$WORK/logins" 10000 100 "${BRIDGES[0]}" "$(postgres_pid)" "$(label stuffing bridge "$1")" |
    tee -a "$RESULTS" || failed stuffing "no result; why is said above"
}
finish_stuffing() { bridges_start 1; }

# --- what they share ------------------------------------------------------------------------------------------

# Twenty accounts with passwords, and those in $WORK/logins, made once.
login_people() {
  [ ! -f "$WORK/logins" ] || return 0
  sql -d "$DATABASE" -v users=20 -f - <bench/sql/logins.sql >/dev/null
  printf 'login-%d a password of %d\n' $(seq 20 | awk '{ print $1, $1 }') >"$WORK/logins"
}

# One bridge, and 10,000 rooms of one member, made once.
sql_rooms() {
  cluster_use live
  [ ${#BRIDGES[@]} -eq 1 ] || bridges_start 1
  SQL_FIRST=$(sql -d "$DATABASE" -c "SELECT min(id) FROM porcupine.rooms WHERE name = 'sql'")
  [ -z "$SQL_FIRST" ] || return 0
  live_with_rooms sql 10000 1
  sql_rooms
}

make_bare_table() {
  [ -n "$(sql -d "$DATABASE" -c "SELECT 1 FROM pg_class WHERE relname = 'bench_raw'")" ] || sql -d "$DATABASE" -f - <bench/sql/insert.sql
}

# loud_and_quiet NAME ROUND ROOMS: the same call with and without its wake-up, in turns; and send(), as applications call it.
loud_and_quiet() {
  local order=(ring quiet) case
  (($2 % 2 == 0)) || order=(quiet ring)
  for case in "${order[@]}"; do pgbench_case "$1" ring "$2" 32 1 "$3" "$case"; done
  pgbench_case "$1" send "$2" 32 1 "$3"
}

# pgbench_case NAME SCRIPT ROUND CLIENTS ITEMS ROOMS [AGAINST]: one run; items a second go to the results.
pgbench_case() {
  local name=$1 script=$2 round=$3 clients=$4 items=$5 rooms=$6 against=${7:-$2} doorbell=true output tps
  [ "$against" != quiet ] || doorbell=false
  sql -d "$DATABASE" -c CHECKPOINT
  output=$(as_service "$PG_BIN/pgbench" -h "$SOCK" -U postgres -n -M prepared -c "$clients" -j 2 -T "$SECONDS_EACH" \
    -D rooms="$rooms" -D first="${SQL_FIRST:-0}" -D doorbell="$doorbell" -f - "$DATABASE" <"bench/pgbench/$script.sql" 2>&1) || {
    failed "$name" "pgbench says: $output"
    return 0
  }
  tps=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' <<<"$output")
  printf '{%s"clients":%d,"rooms":%d,"per_s":%.0f}\n' "$(label "$name" "$against" "$round")" "$clients" "$rooms" \
    "$(awk -v t="$tps" -v n="$items" 'BEGIN { print t * n }')" | tee -a "$RESULTS"
}

# commit_times ROUND: how long one client waits for an insert and its commit, 500 times a second. pgbench's time counts from
# when the transaction was due, so what it lagged behind is taken off.
commit_times() {
  local log=$DIR/pgbench output
  output=$(as_service "$PG_BIN/pgbench" -h "$SOCK" -U postgres -n -M prepared -c 1 -T "$SECONDS_EACH" -R 500 -l --log-prefix="$log" \
    -f - "$DATABASE" <bench/pgbench/insert.sql 2>&1) || {
    failed paced "pgbench says: $output"
    return 0
  }
  as_service sh -c 'cat "$0".*; rm "$0".*' "$log" | awk '{ print $3 - $7 }' | sort -n | awk -v label="$(label paced commit "$1")" '
    { us[NR] = $1 }
    END { printf "{%s\"commit_us\":{\"p50\":%d,\"p99\":%d}}\n", label, us[int(NR / 2) + 1], us[int(NR * 0.99) + 1] }' | tee -a "$RESULTS"
}
