# shellcheck shell=bash
# The workloads over sockets: who is in which rooms, who sends how, and what it is measured beside. Sourced by bench/run.
# prepare_NAME makes what a workload needs, round_NAME measures one round of it, and each measurement adds a line of JSON to
# the results.

RUN=0 # a number for each run of the load generator, from which it makes its client ids

# 50 rooms of 20; two senders in each, 100 in all, each waiting for its ack before the next send.
prepare_rooms() { live_with_rooms rooms 50 20; }
round_rooms() { both rooms "$1" --senders 2; }

# 500 rooms of two; both send: 1,000 in flight.
prepare_pairs() { live_with_rooms pairs 500 2; }
round_pairs() { both pairs "$1" --senders 2; }

# One room of 20; all of them send, 20 in flight.
prepare_hot() { live_with_rooms hot 1 20; }
round_hot() { both hot "$1" --senders 20; }

# One room of many; four send, with so many in flight that nobody waits for anybody.
prepare_broadcast_100() { live_with_rooms broadcast_100 1 100; }
round_broadcast_100() { both broadcast_100 "$1" --senders 4 --in-flight 8; }
prepare_broadcast_1000() { live_with_rooms broadcast_1000 1 1000; }
round_broadcast_1000() { both broadcast_1000 "$1" --senders 4 --in-flight 4; }
prepare_broadcast_5000() { live_with_rooms broadcast_5000 1 5000; }
round_broadcast_5000() { both broadcast_5000 "$1" --senders 4 --in-flight 2; }

# 500 sends a second over 50 rooms of 20, beside an insert and commit of the same row at the same rate by one client.
prepare_paced() {
  live_with_rooms paced 50 20
  make_bare_table
}
round_paced() {
  commit_times "$1"
  both paced "$1" --senders 2 --rate 500
}

# 250 rooms of 20; nobody sends. A bridge that has just started: what an earlier run left free in its memory would not be seen.
prepare_idle() { live_with_rooms idle 250 20; }
round_idle() {
  bridges_start 1
  load bridge idle "$1" --memory "${BRIDGES[0]}"
  load broadcaster idle "$1"
}

# Ten rooms of ten, everybody sends twice a second; then the same among 2,000 connections that keep the bridge waiting. Each of
# these has an address of its own, so the limits are those that a bridge has by itself.
prepare_slow() {
  live_with_rooms slow 10 10
  bridges_start 1 PORCUPINE_LIMITS=on
}
round_slow() {
  local order=(bridge "$AMONG_SLOW") against
  (($1 % 2 == 0)) || order=("$AMONG_SLOW" bridge)
  for against in "${order[@]}"; do
    [ "$against" = bridge ] || slow_start 2000 "$1" || return 0
    load "$against" slow "$1" --senders 10 --rate 200
    slow_stop
  done
}
finish_slow() { bridges_start 1; }

AMONG_SLOW='bridge among 2,000'

# The rooms of `rooms`, their members spread over several bridges, which tell each other by Redis.
prepare_nodes() {
  live_with_rooms nodes 50 20
  redis_start
}
round_nodes() {
  local n
  for n in 1 2 4; do
    bridges_start "$n" PORCUPINE_REDIS="redis://127.0.0.1:$REDIS_PORT"
    load bridge nodes "$1" --senders 2
  done
}
finish_nodes() {
  redis_stop
  bridges_start 1
}

# --- what they share ------------------------------------------------------------------------------------------

# live_with_rooms NAME ROOMS MEMBERS: one bridge before the live cluster, in which the workload has rooms of its own.
live_with_rooms() {
  cluster_use live
  [ ${#BRIDGES[@]} -eq 1 ] || bridges_start 1
  sql -d "$DATABASE" -v workload="$1" -v rooms="$2" -v members="$3" -f - <bench/sql/rooms.sql
}

# both NAME ROUND OPTIONS...: bridge and broadcaster, one after the other, the first of them in turns.
both() {
  local name=$1 round=$2 order=(bridge broadcaster) against
  shift 2
  ((round % 2 == 0)) || order=(broadcaster bridge)
  for against in "${order[@]}"; do load "$against" "$name" "$round" "$@"; done
}

# load AGAINST NAME ROUND OPTIONS...: one run of the load generator; its line goes to the results.
load() {
  local against=$1 name=$2 round=$3 counted ports=$BROADCASTER_PORT
  shift 3
  tokens "$name" 5000
  if [ "$against" != broadcaster ]; then
    sql -d "$DATABASE" -c CHECKPOINT
    ports=$BRIDGE_PORTS
    counted=(--cpu "bridge=$(IFS=,; echo "${BRIDGES[*]}")" --cpu "postgres=$(postgres_pid)")
    [ -z "$REDIS" ] || counted+=(--cpu "redis=$REDIS")
  else
    counted=(--cpu "broadcaster=$BROADCASTER")
  fi
  RUN=$((RUN + 1))
  timeout 300 bench/load --people "$WORK/people" --port "$ports" --run "$RUN" --seconds "$SECONDS_EACH" "${counted[@]}" \
    --label "$(label "$name" "$against" "$round")\"servers\":$(tr -cd , <<<"$ports" | wc -c | awk '{ print $1 + 1 }')," "$@" |
    tee -a "$RESULTS" || failed "$name" "no result against the $against; why is said above"
}

# slow_start CONNECTIONS ROUND: they are there, and the bridge is at closing those whose time is over.
slow_start() {
  local tries
  tokens slow 5000
  cp "$WORK/people" "$WORK/slow-people"
  : >"$WORK/slow"
  bench/slow "$BRIDGE_PORTS" "$WORK/slow-people" "$1" "$(label slow slow "$2")" >"$WORK/slow" 9>&- &
  SLOW=$!
  for ((tries = 0; tries < 600; tries++)); do
    ! grep -q ready "$WORK/slow" || return 0
    sleep 0.1
  done
  failed slow "$1 connections were not there within a minute; why is said above"
  slow_stop
  return 1
}

slow_stop() {
  [ -n "$SLOW" ] || return 0
  kill "$SLOW" 2>/dev/null || true
  wait "$SLOW" || failed slow "the bridge was not kept waiting as it should; why is said above"
  SLOW=
  grep least_held "$WORK/slow" | tee -a "$RESULTS"
}

# tokens NAME MOST: the members of its rooms, at most so many of each, with new tokens, into $WORK/people.
tokens() { sql -d "$DATABASE" -v workload="$1" -v most="$2" -f - <bench/sql/tokens.sql >"$WORK/people"; }

# label NAME AGAINST ROUND: how every line begins; also what a flush of 8 KiB takes just now, for others may use the disk.
label() { printf '"workload":"%s","against":"%s","round":%d,"flush_us":%d,' "$@" "$(flush_us)"; }

flush_us() {
  LC_ALL=C as_service dd if=/dev/zero of="$DIR/flush" bs=8k count=50 oflag=dsync 2>&1 |
    awk '/copied/ { for (i = 1; i < NF; i++) if ($(i + 1) == "s,") printf "%d", $i * 1000000 / 50 }'
}
