#!/bin/sh
# Run a command by REST, with curl and nothing else: sh examples/curl.sh [agent] [command]
# It is started, watched while it writes, and its exit code is this script's own.
set -eu
url=${OGENT_URL:-http://localhost:8001}
agent=${1:-local}
command=${2:-'for i in 1 2 3; do echo "line $i"; sleep 0.3; done; exit 3'}

# What is in the JSON text $2 under the name $1: good enough for flat fields without quotes in them.
field() {
  printf '%s' "$2" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

# A shell text as a JSON text.
json() {
  printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }'
}

# The password goes in by a file descriptor, since arguments can be read by everybody on the machine.
login=$(printf '%s' "${OGENT_PASSWORD:-}" |
  curl -sS --fail-with-body "$url/token" --data-urlencode "username=${OGENT_USERNAME:-admin}" --data-urlencode password@-)
token=$(field access_token "$login")

# The header too.
call() {
  printf 'header = "Authorization: Bearer %s"\n' "$token" | curl -sS --fail-with-body --config - "$@"
}

# An id of one's own: should this line have to be sent again, the command still runs once.
id="curl-$(date +%s)-$$"
call "$url/agents/$agent/execute" \
  -H 'Content-Type: application/json' -H 'Prefer: respond-async' -H "Idempotency-Key: $id" \
  -d "{\"command\": \"$(json "$command")\"}" > /dev/null

# All that it writes to stdout, as it comes, until it has ended. `events` in place of `output` has more to tell.
call -N "$url/commands/$id/output?stream=stdout"

# The first exit_code in there is the command's own; null where no exit was seen.
exit_code=$(field exit_code "$(call "$url/commands/$id" | sed 's/,"result":.*//')")
case $exit_code in
  '' | null) exit 1 ;;
  *) exit "$exit_code" ;;
esac
