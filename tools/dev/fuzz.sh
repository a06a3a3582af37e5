# Build the fuzz targets with libFuzzer and run them
#
#   ./dev fuzz [TARGET] [SECONDS]    default: every target, 30 seconds each
#
# TARGET is the name of a program in fuzz/, such as config_fuzz. It starts from fuzz/corpus/TARGET. New inputs go to
# build/fuzz-finds/TARGET, and an input that breaks something to build/fuzz-finds/TARGET/crash-…: once mended, it belongs
# into the corpus, which ordinary tests replay.

verb_fuzz() {
  local only='' seconds=30 argument
  for argument in "$@"; do
    case $argument in *[!0-9]*) only=$argument ;; *) seconds=$argument ;; esac
  done
  deps build test
  build_preset fuzz fuzz_targets  # not the whole tree, which takes several times as long
  source tools/dev/test.sh
  test_environment

  local programs=() program target finds corpus status=0
  while IFS= read -r program; do
    target=$(basename "$program")
    if [ -z "$only" ] || [ "$target" = "${only%_fuzz}_fuzz" ]; then programs+=("$program"); fi
  done < <(find build/fuzz -type f -executable -name '*_fuzz' | sort)
  [ ${#programs[@]} -gt 0 ] || die "no fuzz target ${only:+named $only }was built; see fuzz/CMakeLists.txt"

  for program in "${programs[@]}"; do
    target=$(basename "$program")
    finds=build/fuzz-finds/$target
    mkdir -p "$finds"
    corpus=()
    if [ -d "fuzz/corpus/$target" ]; then corpus=("fuzz/corpus/$target"); fi
    say "$target, $seconds s"
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$finds/" \
      "$finds" ${corpus[@]+"${corpus[@]}"} </dev/null || { echo "$target failed: the input is in $finds" >&2; status=1; }
  done
  return $status
}
