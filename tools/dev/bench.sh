# Build for speed and run the benchmarks
#
#   ./dev bench [NAME...]     only these; default: bench/*.sh, bench/*.py and every *_bench program
#
# Programs end up in build/release/bin. Installs nginx and wrk to compare with (on a machine with systemd Debian starts nginx
# when it installs it: `systemctl disable --now nginx` if you do not want that).
# Numbers worth keeping go into docs/bench.md, with their date and machine.

verb_bench() {
  source tools/dev/build.sh
  deps build bench
  build_release
  cmake -S . -B build/release -DHOSTLER_BENCH=ON >/dev/null
  cmake --build build/release >/dev/null
  local found=() file name status=0
  for file in bench/*.sh bench/*.py build/release/bin/*_bench; do
    if [ ! -x "$file" ]; then continue; fi
    name=$(basename "$file") name=${name%.*}
    if [ $# = 0 ] || printf '%s\n' "$@" | grep -qxF -e "$name" -e "${name%_bench}"; then found+=("$file"); fi
  done
  [ ${#found[@]} -gt 0 ] || die "no benchmark ${*:+named $* }in bench/ or build/release/bin/*_bench"
  for file in "${found[@]}"; do
    say "$(basename "$file")"
    "$file" </dev/null || { echo "$file failed" >&2; status=1; }
  done
  return $status
}
