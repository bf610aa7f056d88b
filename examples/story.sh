# shellcheck shell=bash
# What the stories of the examples share. A story sets `story` (its name in the last line) and `dir` (a fresh folder), and
# sources this; if it defines a function `undo`, that runs once its programs have ended.
: "${story:?}" "${dir:?}"

tell() { # tell ACTOR TEXT
  printf '%s  %-9s %s\n' "$(date +%H:%M:%S.%3N)" "$1" "$2"
}

cleanup() {
  local running
  running=$(jobs -rp)
  # shellcheck disable=SC2086  # a list of process ids
  [ -z "$running" ] || kill -9 $running
  wait
  ! declare -F undo || undo
} >/dev/null 2>&1

fail() {
  trap - EXIT
  cleanup
  echo "The logs are in $dir"
  echo "$story: FAILED $*"
  exit 1
}
trap 'fail "interrupted"' EXIT INT TERM

until_ok() { # until_ok SECONDS CMD…: tries ten times a second
  local tries=$(($1 * 10))
  shift
  while ! "$@" >/dev/null 2>&1; do
    ((tries-- > 0)) || return 1
    sleep 0.1
  done
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

stop() { # stop SIGNAL PID: and waits for its end
  kill "-$1" "$2"
  wait "$2"
} 2>/dev/null

# The last line of a program goes through a pipe and may come after the program's end.
require_stats() {
  local name
  for name in "$@"; do
    until_ok 5 grep -q ' stats: ' "$dir/$name.log" || fail "$name ended without its figures"
  done
}

number() { # number NAME KEY: from the last line of a program
  sed -n "s/.* stats: .*\b$2=\([0-9]*\).*/\1/p" "$dir/$1.log"
}
