#!/usr/bin/env bash
# Makes and rotates the signing keys and peppers; --help says how.
set -euo pipefail

root="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

if ! command -v node > /dev/null; then
  echo 'generate-keys: Node.js is not installed; version 22 is recommended' >&2
  exit 1
fi
exec node "$root/scripts/generate-keys.mjs" "$@"
