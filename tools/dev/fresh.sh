# Run on a bare Debian 12 what a newcomer would run, to prove that no install step is missing
#
#   ./dev fresh [COMMAND...]  default: ./dev run --once, then ./dev test
#
# Sees what is committed, nothing else. The bare root lives in memory (FRESH_SIZE, default 10g) and is gone afterwards.
# The log is build/fresh/log.txt. Needs root or sudo; tools/fresh.sh has the details.

verb_fresh() {
  deps fresh
  mkdir -p build/fresh
  local as_root=() caches=()
  if [ "$(id -u)" = 0 ]; then
    caches=(-m "${CCACHE_DIR:-$HOME/.cache/ccache}:/root/.cache/ccache")
  else
    command -v sudo >/dev/null || die "fresh needs root (it mounts a root of its own); become root and try again"
    as_root=(sudo)
    caches=(-m "$PWD/build/fresh/ccache:/root/.cache/ccache")
  fi
  if [ -n "$(git status --porcelain)" ]; then echo "fresh: what is not committed stays out" >&2; fi
  if [ $# = 0 ]; then
    set -- bash -c 'status=0; ./dev run --once || status=1; ./dev test || status=1; exit $status'
  fi
  local start=$SECONDS status=0
  ${as_root[@]+"${as_root[@]}"} tools/fresh.sh -c . -s "${FRESH_SIZE:-10g}" -o build/fresh/out "${caches[@]}" -- "$@" 2>&1 |
    tee build/fresh/log.txt || status=${PIPESTATUS[0]}
  echo "fresh: exit status $status after $((SECONDS - start)) s; log: build/fresh/log.txt"
  return "$status"
}
