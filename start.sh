#!/usr/bin/env bash
# Sets up what is missing and runs everything on this machine; --help says more.
set -euo pipefail

root="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/prepare.sh
. "$root/scripts/prepare.sh"

usage() {
  cat << 'HELP'
Usage: ./start.sh [--local]

Installs and builds when needed, makes keys when absent, and runs the database, the worker, the API and the socket
server in the foreground. Ctrl-C stops everything; data is kept for the next start.

  --local   the same; the only way to run in this version
  --docker  not part of this version

Settings, as environment variables (relative paths start at the project folder):
  API_PORT=3000  WS_PORT=3001  DATA_DIR=.data  KEYS_DIR=keys
  DATABASE_URL   a PostgreSQL of your own instead of the embedded one
Every other setting is passed on to the API, the worker and the socket server.
HELP
}

for argument in "$@"; do
  case "$argument" in
    --local) ;;
    --docker) fail 'The container set-up is not part of this version; ./start.sh runs everything without it.' ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "Unknown option $argument; ./start.sh --help lists the options." ;;
  esac
done

check_node
install_if_needed
build_if_needed

keys="${KEYS_DIR:-keys}"
case "$keys" in
  /*) ;;
  *) keys="$root/$keys" ;;
esac
for file in private.pem public.pem refresh-token.pepper password.pepper; do
  if [ ! -e "$keys/$file" ]; then
    echo 'Making keys ...'
    "$root/generate-keys.sh"
    break
  fi
done

echo 'Starting ...'
cd "$root"
exec node packages/local-mode/dist/start.js
