# shellcheck shell=bash
# The workloads: who is in which rooms, who sends how, and what it is measured beside. Sourced by bench/run. A function
# workload_NAME measures one round and adds its lines of JSON to the results.

# shellcheck disable=SC2034 # for bench/run
ALL_WORKLOADS=(rooms pairs hot)

RUN=0 # a number for each run of the load generator, from which it makes its client ids

# prepare NAME: its rooms in the database.
prepare() {
  case $1 in
    rooms) make_rooms rooms 50 20 ;;
    pairs) make_rooms pairs 500 2 ;;
    hot) make_rooms hot 1 20 ;;
  esac
}

# make_rooms NAME ROOMS MEMBERS
make_rooms() { sql -d "$DATABASE" -v workload="$1" -v rooms="$2" -v members="$3" -f - <bench/sql/rooms.sql; }

# 100 senders, each waiting for its ack before the next send.
workload_rooms() { both rooms "$1" --senders 2; }

# Both of each pair send: 1,000 in flight.
workload_pairs() { both pairs "$1" --senders 2; }

# 20 in flight, all for the same room.
workload_hot() { both hot "$1" --senders 20; }

# both NAME ROUND OPTIONS...: bridge and broadcaster, first one and then the other, in turns.
both() {
  local name=$1 round=$2
  shift 2
  if ((round % 2)); then
    load broadcaster "$name" "$round" "$@"
    load bridge "$name" "$round" "$@"
  else
    load bridge "$name" "$round" "$@"
    load broadcaster "$name" "$round" "$@"
  fi
}

# load AGAINST NAME ROUND OPTIONS...: one run of the load generator; its line goes to the results.
load() {
  local against=$1 name=$2 round=$3 pid counted=() ports=$BROADCASTER_PORT
  shift 3
  sql -d "$DATABASE" -v workload="$name" -f - <bench/sql/tokens.sql >"$WORK/people"
  if [ "$against" = bridge ]; then
    sql -d "$DATABASE" -c CHECKPOINT
    ports=$BRIDGE_PORTS
    for pid in "${BRIDGES[@]}"; do counted+=(--cpu "bridge=$pid"); done
    counted+=(--cpu "postgres=$(postgres_pid)")
  else
    counted+=(--cpu "broadcaster=$BROADCASTER")
  fi
  RUN=$((RUN + 1))
  timeout 300 bench/load --people "$WORK/people" --port "$ports" --run "$RUN" --seconds "$SECONDS_EACH" "${counted[@]}" \
    --label "\"workload\":\"$name\",\"against\":\"$against\",\"round\":$round," "$@" | tee -a "$RESULTS" ||
    fail "the run of $name against the $against failed; its last words are above"
}
