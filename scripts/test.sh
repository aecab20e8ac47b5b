#!/usr/bin/env bash
# npm test: installs and builds when needed, then runs the tests. Arguments go to the test runner, such as a file name.
set -euo pipefail

root="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/prepare.sh
. "$root/scripts/prepare.sh"

check_node
install_if_needed
build_if_needed
exec node "$root/scripts/run-tests.mjs" "$@"
