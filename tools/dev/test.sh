# Run every check and every test: formatting, arrows, then the presets dev, asan and tsan
#
#   ./dev test                everything; goes on after a failure
#   ./dev test --quick        the checks and preset dev
#   ./dev test --preset NAME  the checks and that preset; may be given several times
#   ./dev test --only REGEX   only tests whose name matches, of preset dev unless --preset says otherwise
#
# Ends with a table of the stages and one line, "N passed, N failed". Fails if anything failed. Needs no terminal.

verb_test() {
  local only='' presets=() quick=no
  while [ $# -gt 0 ]; do
    case $1 in
      --quick) quick=yes ;;
      --only) only=${2:?"./dev: --only wants the name of a test"}; shift ;;
      --preset) presets+=("${2:?"./dev: --preset wants a name"}"); shift ;;
      *) misuse "test knows --quick, --only REGEX and --preset NAME, not \"$1\"" ;;
    esac
    shift
  done
  if [ ${#presets[@]} = 0 ]; then
    presets=(dev)
    if [ $quick = no ] && [ -z "$only" ]; then presets+=(asan tsan); fi
  fi
  deps build test
  local preset
  for preset in "${presets[@]}"; do preset_exists "$preset" || exit 2; done
  test_environment
  mkdir -p build/test
  stages=() passed=0 failed=0

  if [ -z "$only" ]; then
    check format formatting_is_right
    check arrows /usr/bin/python3 tests/arrows_test.py
    check arrows-self-test /usr/bin/python3 tests/arrows_test.py --self-test
  fi
  for preset in "${presets[@]}"; do test_preset "$preset" "$only"; done
  summary
  [ $failed = 0 ]
}

# The names in sanitizers' reports come from llvm-symbolizer, which Debian keeps off the PATH.
test_environment() {
  local symbolizer=/usr/lib/llvm-19/bin/llvm-symbolizer
  export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
  export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1}:external_symbolizer_path=$symbolizer
  export ASAN_SYMBOLIZER_PATH=$symbolizer UBSAN_SYMBOLIZER_PATH=$symbolizer
}

# note STAGE SECONDS PASSED FAILED
note() {
  stages+=("$1 $2 $3 $4")
  passed=$((passed + $3)) failed=$((failed + $4))
}

# check STAGE COMMAND...: one check, which passes or fails as a whole.
check() {
  local stage=$1 start=$SECONDS
  shift
  say "$stage"
  if "$@" </dev/null; then note "$stage" $((SECONDS - start)) 1 0; else note "$stage" $((SECONDS - start)) 0 1; fi
}

formatting_is_right() {
  cpp_files | xargs -0 -r clang-format-19 --dry-run -Werror || { echo "./dev fmt puts it right" >&2; return 1; }
}

# test_preset PRESET REGEX: a preset that does not build counts as one failure, besides the tests that it lacks.
test_preset() {
  local preset=$1 only=$2 start=$SECONDS
  say "$preset: build"
  if build_preset "$preset" -k 0 </dev/null; then
    note "$preset-build" $((SECONDS - start)) 0 0
  else
    note "$preset-build" $((SECONDS - start)) 0 1
    [ -e "build/$preset/build.ninja" ] || return 0
  fi

  say "$preset: tests"
  start=$SECONDS
  local report=$PWD/build/test/$preset.xml counts
  rm -f "$report"
  # The checks above need not run again; they are in CMake's list for those who call ctest themselves.
  local choice=(--label-exclude '^checks$')
  if [ -n "$only" ]; then choice=(--tests-regex "$only"); fi
  ctest --preset "$preset" -j "${DEV_TEST_JOBS:-2}" --no-tests=error --output-junit "$report" "${choice[@]}" </dev/null || true
  counts=$(count_tests "$report")
  note "$preset-tests" $((SECONDS - start)) $counts
}

# Prints "PASSED FAILED" of a report of ctest. No report, or one without tests, is a failure.
count_tests() {
  /usr/bin/python3 - "$1" <<'PY'
import sys
import xml.etree.ElementTree as tree

try:
    status = [case.get("status") for case in tree.parse(sys.argv[1]).getroot().iter("testcase")]
except (OSError, tree.ParseError):
    status = []
passed = status.count("run")
print(passed, max(len(status) - passed - status.count("disabled"), 0 if passed else 1))
PY
}

summary() {
  say "summary"
  local stage
  {
    echo "stage seconds passed failed"
    for stage in "${stages[@]}"; do echo "$stage"; done
  } | awk '{ printf "%-18s %8s %8s %8s\n", $1, $2, $3, $4 }'
  echo
  echo "$passed passed, $failed failed"
}
