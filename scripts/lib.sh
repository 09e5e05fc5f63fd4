# shellcheck shell=bash
# What every script here shares: how it speaks, how it waits for a slow command,
# and how it finds this machine's PostgreSQL. Sourced, never run; it changes
# nothing by itself but the shell's options and the working directory.

set -euo pipefail
umask 022

# Make hands its own flags to children through these; a script starts afresh.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CDPATH
# Nor may the caller's idea of a database lead psql elsewhere.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGDATA PGOPTIONS PGSERVICE PGPASSFILE PGSSLMODE

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=$ROOT/.build
cd "$ROOT"

say() { printf '%s\n' "$*"; }

# One sentence that says what is wrong and what to do about it.
fail() {
  printf 'porcupine: %s\n' "$*" >&2
  exit 1
}

# step TITLE COMMAND...: runs a command that may take long. Its output goes to a
# log and is shown only when it fails; meanwhile the time passes visibly. Never
# call it where errors are tested (if, ||): bash would ignore them inside, too.
step() {
  local title=$1 log ticker status started=$SECONDS
  shift
  mkdir -p "$BUILD/log" 2>/dev/null || fail "cannot write to $BUILD: run this as the owner of the project's folder"
  log=$BUILD/log/$(printf '%.40s' "${title,,}" | tr -c 'a-z0-9' '-').log
  printf -- '- %s\n' "$title"
  tick "$log" 9>&- &
  ticker=$!
  # in the foreground, so that Ctrl-C reaches the command
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1
  status=$?
  set -e
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  [ ! -t 1 ] || printf '\r\033[K'
  [ "$status" -eq 0 ] || step_failed "$title" "$log" "$status"
  [ $((SECONDS - started)) -lt 2 ] || printf '    %s s\n' $((SECONDS - started))
}

step_failed() {
  [ "$3" -ne 130 ] || exit 130
  # a sentence of our own says it all
  if tail -n 1 "$2" | grep -q '^porcupine: '; then
    tail -n 6 "$2" >&2
    exit 1
  fi
  tail -n 30 "$2" >&2
  fail "failed: $1 (the last lines are above, all of them in $2)"
}

# Says every second on a terminal, elsewhere every fifteen, that work goes on.
tick() {
  local log=$1 every=15 started=$SECONDS
  [ ! -t 1 ] || every=1
  # a sleep that outlives us must hold nobody's output open
  while sleep "$every" >/dev/null 2>&1; do
    kill -0 $$ 2>/dev/null || exit 0
    if [ -t 1 ]; then
      printf '\r\033[K    %s s  %.60s' $((SECONDS - started)) "$(last_line "$log")"
    else
      printf '    %s s  %.100s\n' $((SECONDS - started)) "$(last_line "$log")"
    fi
  done
}

last_line() { tail -c 400 "$1" 2>/dev/null | tr '\r' '\n' | tr -cd '[:print:]\n' | grep -v '^ *$' | tail -n 1 || true; }

have() { command -v "$1" >/dev/null 2>&1; }

# The major version of PostgreSQL to build for: PG_CONFIG's, or the release's own.
pg_major() {
  local codename=''
  if [ -n "${PG_CONFIG:-}" ]; then
    "$PG_CONFIG" --version 2>/dev/null | sed -nE 's/^PostgreSQL ([0-9]+).*/\1/p' | grep . ||
      fail "PG_CONFIG=$PG_CONFIG does not run: name the pg_config of an installed PostgreSQL, or leave PG_CONFIG unset"
    return
  fi
  # shellcheck source=/dev/null
  [ ! -r /etc/os-release ] || codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  case $codename in
    bookworm) echo 15 ;;
    trixie) echo 17 ;;
    *)
      # another release: whatever its metapackage stands for
      apt-cache depends postgresql 2>/dev/null | sed -nE 's/.*Depends: postgresql-([0-9]+)$/\1/p' | head -n 1 | grep . ||
        fail "cannot tell which PostgreSQL this system has: install 15 or newer with its server headers and set PG_CONFIG"
      ;;
  esac
}

# Sets PG_MAJOR, PG_CONFIG and PG_BIN, or says that packages are missing.
find_postgres() {
  PG_MAJOR=$(pg_major)
  export PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/$PG_MAJOR/bin/pg_config}
  [ -x "$(command -v "$PG_CONFIG" || true)" ] || fail "PostgreSQL $PG_MAJOR is not installed: run 'make packages'"
  PG_BIN=$("$PG_CONFIG" --bindir)
  [ -x "$PG_BIN/postgres" ] || fail "$PG_BIN has no server: install postgresql-$PG_MAJOR, or run 'make packages'"
}

# The user that PostgreSQL and the bridge run as: never root.
service_user() {
  if [ "$(id -u)" -ne 0 ]; then
    id -un
  elif id -u postgres >/dev/null 2>&1; then
    echo postgres
  else
    echo nobody
  fi
}

# as_service COMMAND...: as that user, with nothing of root's environment.
as_service() {
  local user home
  user=$(service_user)
  if [ "$(id -u)" -eq 0 ]; then
    home=$(getent passwd "$user" | cut -d: -f6)
    # the current folder may be one that this user cannot enter
    (
      cd /
      exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
        env -i HOME="$home" USER="$user" LOGNAME="$user" LANG=C.UTF-8 PATH="${PG_BIN:+$PG_BIN:}/usr/bin:/bin" "$@"
    )
  else
    env LANG=C.UTF-8 "$@"
  fi
}

# mirror_of LABEL: where this machine's own apt gets that part of Debian from
mirror_of() {
  # shellcheck disable=SC2016 # the words are apt's
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Label: $1" 2>/dev/null | sed -n 1p
}

# as_root COMMAND...: through sudo where this is not root; WHY goes into the error.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    fail "this needs root and sudo is not installed; as root, run: $*"
  fi
}

# need_space FOLDER: fails early rather than half-way through.
need_space() {
  local folder=$1 free
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge 1024 ] ||
    fail "only $free MB are free on the disk of $folder and 1024 are needed: make room, or name a folder on another disk with PORCUPINE_DIR"
}
