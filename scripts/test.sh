#!/usr/bin/env bash
# npm test: installs and builds when needed, then runs the tests. Arguments go to the test runner, such as a file name.
set -euo pipefail

root="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/prepare.sh
. "$root/scripts/prepare.sh"

# The tests use these programs. Where they cannot be installed, the tests that need them are skipped, in CI they fail.
install_programs() {
  local missing=() program
  for program in "$@"; do
    if ! command -v "$program" > /dev/null; then missing+=("$program"); fi
  done
  if [ "${#missing[@]}" -eq 0 ] || [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then return; fi
  echo "Installing ${missing[*]} ..."
  apt-get update -qq > /dev/null 2>&1 || true
  # One by one: a name that this system does not know must not keep the others out.
  for program in "${missing[@]}"; do
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$program" > /dev/null 2>&1 ||
      echo "Could not install $program; tests that need it are skipped."
  done
}

# Only its two programs: with all it depends on the package takes 330 MB, and may start a service.
install_prometheus() {
  if command -v prometheus > /dev/null && command -v promtool > /dev/null; then return; fi
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then return; fi
  echo 'Installing prometheus ...'
  local folder
  folder="$(mktemp -d)"
  (
    cd "$folder" && { apt-get update -qq || true; } && apt-get download -qq prometheus &&
      dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x -C /usr/local --strip-components=2 ./usr/bin/prometheus ./usr/bin/promtool
  ) > /dev/null 2>&1 || echo 'Could not install prometheus; tests that need it are skipped.'
  rm -rf "$folder"
}

check_node
install_programs curl jq redis-server rabbitmq-server nginx openssl chromium shellcheck gcc
install_prometheus
install_if_needed
build_if_needed
exec node "$root/scripts/run-tests.mjs" "$@"
