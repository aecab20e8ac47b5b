# shellcheck shell=bash
# Sourced by start.sh, which sets "root" and sources prepare.sh: runs everything in containers.
: "${root:?}"

# Why containers cannot run here, as a sentence; nothing when they can.
containers_obstacle() {
  if ! command -v docker > /dev/null; then
    echo 'Docker is not installed.'
  elif ! succeeds_within_5_s docker info; then
    echo 'No Docker engine answers: docker info does not succeed within 5 seconds.'
  elif ! succeeds_within_5_s docker compose version; then
    echo 'The compose plugin of Docker is not installed: docker compose version does not succeed.'
  fi
}

succeeds_within_5_s() {
  local tenths pid
  "$@" > /dev/null 2>&1 &
  pid=$!
  for ((tenths = 50; tenths > 0; tenths--)); do
    if ! kill -0 "$pid" 2> /dev/null; then break; fi
    sleep 0.1
  done
  kill -KILL "$pid" 2> /dev/null || true
  wait "$pid" 2> /dev/null
}

# Becomes docker compose. What a later "docker compose" has to know is kept in .env.
run_containers() {
  cd "$root" || exit
  local url profile run_as
  url="$(compose_setting PUBLIC_URL)"
  if [ -n "$url" ]; then profile=production; else profile=development; fi
  # Containers never run as root; what root makes belongs to a number that is nobody's.
  if [ "$(id -u)" -eq 0 ]; then run_as=65532:65532; else run_as="$(id -u):$(id -g)"; fi
  keep_setting RUN_AS "$run_as"
  keep_setting COMPOSE_PROFILES "$profile"
  if [ -n "$url" ]; then keep_setting PUBLIC_URL "$url"; fi
  if [ "$(compose_setting COMPOSE_PROFILES)" != "$profile" ]; then
    fail "COMPOSE_PROFILES in .env must be $profile, because PUBLIC_URL is ${url:-not set}."
  fi

  echo 'Making keys and secrets, as far as they are missing ...'
  RUN_AS="$(compose_setting RUN_AS)" make_secrets || fail 'The secrets could not be made; the reason is above.'
  if [ "$profile" = production ]; then
    check_certificate
    printf '\n  %s/ answers when nginx, the API and the socket server run. Ctrl-C stops everything.\n\n' "${url%/}"
  else
    local port
    port="$(compose_setting API_PORT)"
    cat << WELCOME

  When everything runs; the first start takes minutes:
  Demo page   http://localhost:${port:-3000}/
  API docs    http://localhost:${port:-3000}/api/docs
  WebSocket   ws://localhost:${port:-3000}/ws
  Account     testuser / password123

  Ctrl-C stops everything.

WELCOME
  fi
  exec docker compose up --build
}

# As docker compose sees it: the environment first, then .env.
compose_setting() {
  local value="${!1:-}"
  if [ -z "$value" ] && [ -e .env ]; then value="$(sed -n "s/^$1=//p" .env | tail -n 1)"; fi
  printf '%s' "$value"
}

keep_setting() {
  if [ ! -e .env ] || ! grep -q "^$1=" .env; then printf '%s=%s\n' "$1" "$2" >> .env; fi
}

# Where there is no Node.js, the image of Node.js does it.
make_secrets() {
  if command -v node > /dev/null; then
    node scripts/container-secrets.mjs
  else
    local image
    image="$(compose_setting NODE_IMAGE)"
    docker run --rm --user "$(id -u):$(id -g)" --env RUN_AS --volume "$root:/project" --workdir /project \
      "${image:-node:22-bookworm-slim}" node scripts/container-secrets.mjs
  fi
}

check_certificate() {
  local folder file
  folder="$(compose_setting TLS_DIR)"
  for file in certificate.pem private-key.pem; do
    if [ ! -e "${folder:-secrets/tls}/$file" ]; then
      fail "${folder:-secrets/tls}/$file is missing: PUBLIC_URL is set, so nginx needs a certificate; docs/containers.md says which."
    fi
  done
}
