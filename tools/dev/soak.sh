# Clients of every kind for a while, with engines killed at random moments
#
#   ./dev soak [MINUTES] [PRESET] [SEED]    default: 3 minutes, preset dev, a seed from the clock
#
# Builds the preset (dev, asan, tsan …) and runs tests/soak.py against it. The seed is printed; the same one makes the same
# choices. Fails if anything was lost, hung, leaked or reported by a sanitizer: tests/soak.py lists what must hold.

verb_soak() {
  local minutes=${1:-3} preset=${2:-dev} seed=${3:-}
  [[ $minutes =~ ^[0-9]+([.][0-9]+)?$ ]] || misuse "soak wants a number of minutes, not \"$minutes\""
  [[ $seed =~ ^[0-9]*$ ]] || misuse "soak wants a whole number as seed, not \"$seed\""
  deps build test
  preset_exists "$preset" || exit 2
  build_preset "$preset"
  source tools/dev/test.sh
  test_environment
  local patience=1
  case $preset in asan|tsan) patience=5 ;; esac
  HOSTLER_BUILD=$PWD/build/$preset/bin HOSTLER_TEST_PATIENCE=$patience \
    /usr/bin/python3 tests/soak.py --minutes "$minutes" ${seed:+--seed "$seed"}
}
