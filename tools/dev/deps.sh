# Install the Debian packages and the pinned npm packages that are missing
#
#   ./dev deps [GROUP...]     groups of tools/packages.txt; default: build test
#
# Does nothing, quickly and without root or network, when all is there. Otherwise it calls apt-get, through sudo
# unless you are root. The group test also fetches the npm packages of tests/npm into build/npm, and Node into
# build/node where the machine's own is older than version 20. DEV_DEPS=off skips all of it.

verb_deps() {
  if [ $# = 0 ]; then set -- build test; fi
  install_groups "$@"
  echo "deps: all there ($*)"
}

install_groups() {
  [ "${DEV_DEPS:-}" != off ] || return 0
  local group
  for group in "$@"; do
    grep -qxF "[$group]" tools/packages.txt ||
      misuse "there is no group \"$group\" in tools/packages.txt; there are: $(sed -n 's/^\[\(.*\)\]$/\1/p' tools/packages.txt | paste -sd' ')"
  done
  install_debian "$@"
  for group in "$@"; do
    if [ "$group" = test ]; then install_node; install_npm; fi
  done
}

# The packages of the groups that are missing, one per line.
missing_packages() {
  command -v dpkg-query >/dev/null ||
    die "this is no Debian: install what tools/packages.txt names in your own way, then set DEV_DEPS=off"
  local wanted
  wanted=$(awk -v groups=" $* " '
    /^\[/ { gsub(/[\[\]]/, "", $1); on = index(groups, " " $1 " "); next }
    on && $1 !~ /^#/ && NF { print $1 }' tools/packages.txt)
  local entry names=()
  for entry in $wanted; do
    case $entry in *'|'*) if command -v "${entry#*|}" >/dev/null; then continue; fi ;; esac
    names+=("${entry%%|*}")
  done
  [ ${#names[@]} -gt 0 ] || return 0
  # dpkg-query fails when it has never heard of one of the names, and still tells about the others.
  local there
  there=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${names[@]}" 2>/dev/null || true)
  printf '%s\n' "${names[@]}" | awk -v there="$there" '
    BEGIN { n = split(there, line, "\n"); for (i = 1; i <= n; i++) { split(line[i], f, " "); if (f[2] == "installed") ok[f[1]] = 1 } }
    !($1 in ok)'
}

install_debian() {
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  local names
  read -r -d '' -a names <<<"$missing" || true
  local install=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 "${names[@]}")
  local root_by=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "packages are missing and you are not root; as root: apt-get update && ${install[*]}"
    root_by=(sudo)
  fi
  say "installing ${#names[@]} packages: ${names[*]}"
  "${root_by[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update </dev/null
  "${root_by[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" -q -o Dpkg::Use-Pty=0 </dev/null
}

# Leaves build/node -> a Node of at least version 20 where the machine lacks one.
install_node() {
  local least=20 version
  version=$(node --version 2>/dev/null || true)
  version=${version#v}
  if [ "${version%%.*}" -ge "$least" ] 2>/dev/null; then return 0; fi
  local machine
  case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) die "Node $least or newer is needed and none is pinned for $(uname -m): install it and put it on the PATH" ;;
  esac
  third_party/fetch.sh "node-linux-$machine" >/dev/null
  ln -sfn "third_party/node-linux-$machine" build/node
  build/node/bin/node --version >/dev/null || die "build/node/bin/node does not run on this machine"
}

# build/npm/node_modules: exactly what tests/npm/package-lock.json names, and no install script run.
install_npm() {
  local stamp
  stamp=$(cat tests/npm/package.json tests/npm/package-lock.json | sha256sum)
  [ "$(cat build/npm/.stamp 2>/dev/null)" != "$stamp" ] || return 0
  say "npm packages for tests"
  mkdir -p build/npm
  rm -f build/npm/.stamp
  cp tests/npm/package.json tests/npm/package-lock.json build/npm/
  (cd build/npm && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier </dev/null)
  printf '%s\n' "$stamp" >build/npm/.stamp
}
