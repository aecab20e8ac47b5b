#!/bin/sh
# Usage: configure.sh FOLDER [COMMAND [ARGUMENT ...]]
# Writes the configuration of nginx into FOLDER, by the settings in docs/nginx.md, and then becomes COMMAND if there is
# one. A setting that is wrong is one sentence and exit status 1, and nothing is written.
set -eu

templates="$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)"

fail() {
  printf 'configure.sh: %s\n' "$1" >&2
  exit 1
}

# Values become part of directives, so each has to match a pattern that leaves no way out of one. grep looks at lines.
matches() {
  case "$1" in *'
'*) return 1 ;; esac
  printf '%s\n' "$1" | grep -Eq "$2"
}

check_port() {
  if ! matches "$2" '^[1-9][0-9]{0,4}$' || [ "$2" -gt 65535 ]; then fail "$1 must be a port, 1 to 65535"; fi
}

# check_list NAME VALUE PATTERN DESCRIPTION: comma-separated, at least one.
check_list() {
  matches "$2" "^$3(,$3)*\$" || fail "$1 must be $4, separated by commas"
}

check_file() {
  matches "$2" '^/[A-Za-z0-9_./-]+$' || fail "$1 must be an absolute path of letters, digits and ._-/"
}

check_certificate() {
  check_file "$1" "$2"
  [ -r "$2" ] || fail "$1: cannot read $2"
}

# Whether this nginx knows a directive; two of them came, or were backported, between versions.
knows() {
  printf 'events {}\nhttp { access_log off; %s }\n' "$1" > "$folder/probe.conf"
  if nginx -t -q -p "$folder/" -c probe.conf -e stderr -g 'pid probe.pid;' 2>&1 | grep -q 'unknown directive'; then return 1; fi
}

[ $# -ge 1 ] || fail 'needs the folder to write to'
command -v nginx > /dev/null || fail 'nginx is not on the PATH; what it understands depends on its version'
case "$1" in
  /*) folder="$1" ;;
  *) folder="$PWD/$1" ;;
esac
shift

# Where browsers come to. It decides which profile this is, as it does for the API.
url="${PUBLIC_URL:-}"
matches "$url" '^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[::1\])(:[0-9]+)?/?$' || fail 'PUBLIC_URL must be such as https://auth.example.com or http://localhost:8080'
scheme="${url%%://*}"
authority="${url#*://}"
authority="${authority%/}"
name="$(printf '%s' "$authority" | sed -E 's/:[0-9]+$//')"
public_port="${authority#"$name"}"
public_port="${public_port#:}"
if [ "$scheme" = https ]; then
  profile=https
  : "${public_port:=443}"
elif [ "$name" = localhost ] || [ "$name" = 127.0.0.1 ] || [ "$name" = '[::1]' ]; then
  profile=localhost
  : "${public_port:=80}"
else
  fail 'PUBLIC_URL must be https, or http on localhost, 127.0.0.1 or [::1]'
fi
check_port PUBLIC_URL "$public_port"

https_port="${HTTPS_PORT:-$public_port}"
check_port HTTPS_PORT "$https_port"
if [ "$profile" = https ]; then http_port="${HTTP_PORT:-80}"; else http_port="${HTTP_PORT:-$public_port}"; fi
check_port HTTP_PORT "$http_port"
if [ "$profile" = https ] && [ "$http_port" = "$https_port" ]; then fail 'HTTP_PORT and HTTPS_PORT must differ'; fi

# Without IPv6, [::] cannot be listened on.
everywhere='0.0.0.0'
if [ -s /proc/net/if_inet6 ]; then everywhere='0.0.0.0,[::]'; fi
if [ "$profile" = localhost ]; then everywhere="$(printf '%s' "$everywhere" | sed 's/0\.0\.0\.0/127.0.0.1/; s/\[::\]/[::1]/')"; fi
listen="${LISTEN_ADDRESSES:-$everywhere}"
check_list LISTEN_ADDRESSES "$listen" '([0-9.]+|\[[0-9A-Fa-f:.]+\])' 'addresses such as 0.0.0.0 or [::]'

api_upstreams="${API_UPSTREAMS:-127.0.0.1:3000}"
ws_upstreams="${WS_UPSTREAMS:-127.0.0.1:3001}"
server='([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}'
check_list API_UPSTREAMS "$api_upstreams" "$server" 'servers such as 127.0.0.1:3000'
check_list WS_UPSTREAMS "$ws_upstreams" "$server" 'servers such as 127.0.0.1:3001'

trusted_proxies="${TRUSTED_PROXIES:-}"
if [ -n "$trusted_proxies" ]; then check_list TRUSTED_PROXIES "$trusted_proxies" '[0-9A-Fa-f:.]+(/[0-9]{1,3})?' 'addresses or networks'; fi

certificate="${TLS_CERTIFICATE_PATH:-}"
certificate_key="${TLS_CERTIFICATE_KEY_PATH:-}"
if [ "$profile" = https ]; then
  check_certificate TLS_CERTIFICATE_PATH "$certificate"
  check_certificate TLS_CERTIFICATE_KEY_PATH "$certificate_key"
fi

acme_folder="${ACME_CHALLENGE_DIR:-}"
acme_location=''
if [ -n "$acme_folder" ]; then
  check_file ACME_CHALLENGE_DIR "$acme_folder"
  acme_location="location /.well-known/acme-challenge/ { root $acme_folder; default_type text/plain; include private-location.conf; }"
fi

access_log="${ACCESS_LOG:-/dev/stdout}"
error_log="${ERROR_LOG:-stderr}"
check_file ACCESS_LOG "$access_log"
[ "$error_log" = stderr ] || check_file ERROR_LOG "$error_log"

workers="${WORKER_PROCESSES:-auto}"
matches "$workers" '^(auto|[1-9][0-9]{0,2})$' || fail 'WORKER_PROCESSES must be a number, or auto for one on each core'

multiplier="${RATE_LIMIT_MULTIPLIER:-1}"
multiplier_is_good() { matches "$multiplier" '^[0-9]{1,7}(\.[0-9]{1,3})?$' && awk -v n="$multiplier" 'BEGIN { exit !(n > 0 && n <= 1000000) }'; }
multiplier_is_good || fail 'RATE_LIMIT_MULTIPLIER must be a number above 0, at most 1000000'
multiply() { awk -v base="$1" -v by="$multiplier" 'BEGIN { n = base * by; up = int(n); if (up < n) up++; printf "%.0f", up < 1 ? 1 : up }'; }

mkdir -p "$folder/tmp"

# What the system allows, up to what 19,000 sockets need: a socket is two connections, to the client and to its server.
# shellcheck disable=SC3045  # not in POSIX, but in dash, busybox and bash
files="$(ulimit -Hn)"
if [ "$files" = unlimited ] || [ "$files" -gt 40000 ]; then files=40000; fi

max_headers=''
if knows 'max_headers 80;'; then max_headers='max_headers 80;'; fi
http2_listen=' http2'
http2=''
if knows 'http2 on;'; then
  http2_listen=''
  http2='http2 on;'
fi

# each LIST FORMAT: the directives for all members of a comma-separated list, on one line.
each() {
  printf '%s' "$1" | tr ',' '\n' | while IFS= read -r member || [ -n "$member" ]; do
    # shellcheck disable=SC2059
    printf "$2 " "$member"
  done
}

real_ip=''
if [ -n "$trusted_proxies" ]; then
  real_ip="$(each "$trusted_proxies" 'set_real_ip_from %s;')real_ip_header X-Forwarded-For; real_ip_recursive on;"
fi
max_fails='max_fails=3 fail_timeout=1s'

fill() {
  sed \
    -e "s|{{SCHEME}}|$scheme|g" \
    -e "s|{{NAME}}|$name|g" \
    -e "s|{{ORIGIN}}|$scheme://$authority|g" \
    -e "s|{{PUBLIC_PORT}}|$public_port|g" \
    -e "s|{{LISTEN_HTTPS_DEFAULT}}|$(each "$listen" "listen %s:$https_port ssl$http2_listen default_server;")|g" \
    -e "s|{{LISTEN_HTTPS}}|$(each "$listen" "listen %s:$https_port ssl$http2_listen;")|g" \
    -e "s|{{LISTEN_HTTP_DEFAULT}}|$(each "$listen" "listen %s:$http_port default_server;")|g" \
    -e "s|{{LISTEN_HTTP}}|$(each "$listen" "listen %s:$http_port;")|g" \
    -e "s|{{TLS_CERTIFICATE_PATH}}|$certificate|g" \
    -e "s|{{TLS_CERTIFICATE_KEY_PATH}}|$certificate_key|g" \
    -e "s|{{ACME_LOCATION}}|$acme_location|g" \
    -e "s|{{API_SERVERS}}|$(each "$api_upstreams" "server %s $max_fails;")|g" \
    -e "s|{{WS_SERVERS}}|$(each "$ws_upstreams" "server %s max_fails=0;")|g" \
    -e "s|{{REAL_IP}}|$real_ip|g" \
    -e "s|{{HTTP2}}|$http2|g" \
    -e "s|{{MAX_HEADERS}}|$max_headers|g" \
    -e "s|{{WORKER_PROCESSES}}|$workers|g" \
    -e "s|{{OPEN_FILES}}|$files|g" \
    -e "s|{{CONNECTIONS}}|$((files - 64))|g" \
    -e "s|{{ACCESS_LOG}}|$access_log|g" \
    -e "s|{{ERROR_LOG}}|$error_log|g" \
    -e "s|{{REQUESTS_RATE}}|$(multiply 3000)|g" \
    -e "s|{{REQUESTS_BURST}}|$(multiply 1800)|g" \
    -e "s|{{PASSWORDS_RATE}}|$(multiply 60)|g" \
    -e "s|{{PASSWORDS_BURST}}|$(multiply 60)|g" \
    -e "s|{{SOCKETS_RATE}}|$(multiply 6000)|g" \
    -e "s|{{SOCKETS_BURST}}|$(multiply 400)|g" \
    "$1"
}

rm -f "$folder/probe.conf" "$folder/probe.pid"
for template in "$templates"/*.conf; do
  fill "$template" > "$folder/$(basename "$template")"
done
mv "$folder/$profile.conf" "$folder/servers.conf"
rm -f "$folder/https.conf" "$folder/localhost.conf"

if [ $# -gt 0 ]; then exec "$@"; fi
