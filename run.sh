#!/usr/bin/env bash
# ./run.sh [--state DIR] [--port-base N] [--listen ADDR] [--standard-ports] [--smoke | --detach | --stop]
# On a bare Debian 12: installs what is missing, builds buzon, sets it up in DIR, plays both journeys of a mail with stock clients and
# prints them step by step, says how to connect, and keeps serving until Ctrl-C. A second start takes seconds and keeps all data.
#   --state DIR        where everything lives (default ./state)
#   --port-base N      added to the standard ports (default 10000: 10993, 10995, 10110, 10587, 10465, 10025)
#   --listen ADDR      address to listen on (default 127.0.0.1)
#   --standard-ports   the same as --port-base 0
#   --smoke            ends after the journeys: exit status 0 if all went well
#   --detach           returns once the journeys passed and every listener accepts
#   --stop             ends what --detach left running, and waits until all of it is gone
set -euo pipefail
cd "$(dirname "$0")"
state=./state base=10000 listen=127.0.0.1 mode=serve
usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
  case "$1" in
    --state) state=${2:?--state needs a directory}; shift ;;
    --port-base) base=${2:?--port-base needs a number}; shift ;;
    --listen) listen=${2:?--listen needs an address}; shift ;;
    --standard-ports) base=0 ;;
    --smoke | --detach | --stop) mode=${1#--} ;;
    -h | --help) usage; exit 0 ;;
    *) echo "run.sh: unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
buzon=build/release/bin/buzon
domain=example.test host=mail.example.test
outside=$state/outside outside_base=$((base + 5000))
step() { printf '\n== %s\n' "$*"; }

# Is the process with this number a buzon that has not ended? A number may have passed on to somebody else, and a process of --detach may
# stay as a zombie for a while.
running() {
  local line
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  case "$line" in *" (buzon) Z "*) return 1 ;; *" (buzon) "*) return 0 ;; *) return 1 ;; esac
}
alive() { [ -s "$1" ] && running "$(cat "$1")"; }
stop_one() {
  alive "$1/run.pid" || { rm -f "$1/run.pid"; return 0; }
  local pid; pid=$(cat "$1/run.pid")
  kill -TERM "$pid"
  for _ in $(seq 600); do running "$pid" || break; sleep 0.1; done
  running "$pid" && { echo "run.sh: process $pid did not end within 60 s; see $1/log" >&2; return 1; }
  rm -f "$1/run.pid"
}
stop_all() { stop_one "$state"; stop_one "$outside"; }

if [ "$mode" = stop ]; then
  stop_all
  echo "stopped"
  exit 0
fi

step "packages"
tools/install-packages build

if [ ! -x "$buzon" ] || [ -n "$(find src cmake CMakeLists.txt CMakePresets.json -newer "$buzon" -type f -print -quit)" ]; then
  step "build (the first takes some minutes)"
  cmake --preset release >build-release.log 2>&1 || { cat build-release.log >&2; exit 1; }
  rm -f build-release.log
  ninja -C build/release buzon
  touch "$buzon"
fi

tools/make-users

if alive "$state/run.pid"; then
  echo "run.sh: it is running already (process $(cat "$state/run.pid")); ./run.sh --stop ends it" >&2
  exit 1
fi
stop_one "$outside"  # in case it outlived the other one
if [ ! -e "$state/buzon.toml" ]; then
  step "set-up in $state"
  mkdir -p "$state" "$outside"
  "$buzon" init "$outside" --port-base "$outside_base" --listen 127.0.0.1 --host mail.outside.test --domain outside.test
  "$buzon" init "$state" --port-base "$base" --listen "$listen" --host "$host" --domain "$domain"
  tools/join-outside "$state" "$outside" "$outside_base"
fi

start_one() { # folder
  mkdir -p "$1/log"
  "$buzon" serve --config "$1/buzon.toml" >>"$1/log/serve.log" 2>&1 &
  echo $! >"$1/run.pid"
  for _ in $(seq 300); do
    "$buzon" status --config "$1/buzon.toml" >/dev/null 2>&1 && return 0
    kill -0 "$(cat "$1/run.pid")" 2>/dev/null || break
    sleep 0.1
  done
  echo "run.sh: buzon did not come up; the end of $1/log/serve.log:" >&2
  tail -n 20 "$1/log/serve.log" >&2
  return 1
}
trap 'status=$?; [ "$mode" = detach ] && [ "$status" = 0 ] || stop_all || status=1; exit $status' EXIT
trap 'exit 130' INT TERM

step "start"
start_one "$outside"
start_one "$state"
if [ ! -e "$state/demo-accounts" ]; then
  tools/demo-accounts "$buzon" "$state" "$outside"
fi

step "the two journeys of a mail"
python3 tools/journeys.py --state "$state" --outside "$outside" --host "$host" --listen "$listen" --port-base "$base" --outside-base "$outside_base"

step "how to connect"
cat <<TEXT
  server        $host (make this name lead to $listen)
  IMAP          port $((base + 993)), TLS
  POP3          port $((base + 995)), TLS, or port $((base + 110)), STLS
  submission    port $((base + 587)) STARTTLS, port $((base + 465)) TLS, or port $((base + 25)) STARTTLS; authentication: password
  accounts      in $state/demo-accounts
  CA file       $state/tls/ca.pem (install it on the phone and trust it)
  an outside    outside.test is a second instance in $outside that plays the rest of the world
TEXT

case "$mode" in
  smoke) echo; echo "smoke: passed" ;;
  detach) echo; echo "running in the background; ./run.sh --stop ends it" ;;
  serve)
    echo; echo "serving; Ctrl-C ends it"
    wait "$(cat "$state/run.pid")"
    ;;
esac
