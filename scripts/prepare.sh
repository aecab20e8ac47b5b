# shellcheck shell=bash
# Sourced by start.sh and test.sh, which set "root": brings a checkout to where its programs can run.
: "${root:?}"

fail() {
  echo "$1" >&2
  exit 1
}

check_node() {
  command -v node > /dev/null || fail 'Node.js is not installed; version 22 is recommended, from https://nodejs.org or your system.'
  local version platform
  read -r version platform <<< "$(node -p 'process.versions.node + " " + process.platform + "-" + process.arch')"
  case "$version" in
    22.*) ;;
    20.*) echo "Node.js $version works, but version 20 is past its end of life: no security fixes. 22 is recommended." ;;
    *) fail "Node.js $version cannot run this: the socket library has native binaries for 20 and 22 only; 22 is recommended." ;;
  esac
  case "$platform" in
    linux-x64 | linux-arm64 | darwin-x64 | darwin-arm64) ;;
    *) fail 'This runs on Linux and macOS, on x64 and arm64; on Windows use WSL.' ;;
  esac
}

# npm writes node_modules/.package-lock.json last, so it also tells an install that was cut short.
install_if_needed() {
  local installed="$root/node_modules/.package-lock.json"
  if [ -e "$installed" ] && [ ! "$root/package-lock.json" -nt "$installed" ]; then return; fi
  command -v npm > /dev/null || fail 'npm is not installed; it comes with Node.js from https://nodejs.org, or as a package of its own.'
  echo 'Installing the npm packages: a minute or more, once ...'
  run_npm ci --no-audit --no-fund --loglevel=error || fail 'npm ci failed; what it said is above.'
}

# npm keeps its downloads and logs below HOME, which some build machines and service accounts do not have.
run_npm() {
  local home="${HOME:-}" substitute='' status=0
  if [ ! -d "$home" ] || [ ! -w "$home" ]; then
    substitute="$(mktemp -d)"
    home="$substitute"
  fi
  (cd "$root" && HOME="$home" npm "$@") || status=$?
  if [ -n "$substitute" ]; then rm -rf "$substitute"; fi
  return "$status"
}

build_if_needed() {
  local stamp="$root/node_modules/.built" begun="$root/node_modules/.build-begun" folder changed=''
  for folder in packages/auth-contract packages/local-mode fastify-api uws-server; do
    # The compiler trusts its record of the last build and would not notice a folder that is gone.
    if [ ! -d "$root/$folder/dist" ]; then
      rm -f "$root/$folder/tsconfig.tsbuildinfo"
      changed=yes
    fi
  done
  if [ -z "$changed" ] && [ -e "$stamp" ]; then
    changed="$(find "$root"/tsconfig*.json "$root"/packages/*/src "$root"/packages/*/tsconfig.json \
      "$root"/fastify-api/{src,tsconfig.json} "$root"/uws-server/{src,tsconfig.json} -newer "$stamp")"
    if [ -z "$changed" ]; then return; fi
  fi
  echo 'Building ...'
  # From before the build, so that a file saved while it runs is built the next time.
  touch "$begun"
  run_npm run --silent build || fail 'The build failed; what the compiler said is above.'
  mv "$begun" "$stamp"
}
