# Build hostler; the programs are left in build/bin
#
#   ./dev build [PRESET...]   presets of CMakePresets.json; default: release
#
# Preset NAME lives in build/NAME. build/bin always shows the release programs, whatever else is built.

verb_build() {
  if [ $# = 0 ]; then set -- release; fi
  deps build
  local preset
  for preset in "$@"; do preset_exists "$preset" || exit 2; done
  for preset in "$@"; do
    if [ "$preset" = release ]; then build_release; else deps test; build_preset "$preset"; fi
  done
}

build_release() {
  build_preset release
  ln -sfn release/bin build/bin
}
