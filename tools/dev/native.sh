# Fetch the native libraries of the neural engines and build what is not published ready-made
#
#   ./dev native              DEV_NATIVE=off skips it, for a hostler without those engines
#                             DEV_GPU="vulkan cuda" (either or both) adds llama.cpp's GPU backends: 24 and 143 MB to download; they
#                             are used where a driver and the CUDA 13 libraries are, and left alone where not
#
# Packages of third_party/pins.txt land in build/third_party; what is built from them in build/native, once for all presets.
# Other verbs call this; it does nothing, quickly, while neither the pins nor native/ have changed.

verb_native() {
  deps build
  build_native
  echo "native: all there (build/native)"
}

build_native() {
  [ "${DEV_NATIVE:-}" != off ] || return 0
  local stamp
  stamp=$( (cat third_party/pins.txt native/*; echo "${DEV_GPU:-}") | sha256sum)
  [ "$(cat build/native/.stamp 2>/dev/null)" != "$stamp" ] || return 0
  [ "$(uname -m)" = x86_64 ] ||
    die "the neural engines' libraries are pinned for x86-64 only: set DEV_NATIVE=off and build with -DHOSTLER_PROVIDERS='espeak;flite;pocketsphinx'"
  say "native libraries (llama.cpp, whisper.cpp, sherpa-onnx)"
  local name
  for name in @node-llama-cpp/linux-x64 node-llama-cpp whisper.rn sherpa-onnx-linux-x64 sherpa-onnx; do
    third_party/fetch.sh "$name" >/dev/null
  done
  unpack_llama
  add_gpu_backends
  cmake -S native -B build/native -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 \
    -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >build/native-configure.log 2>&1 ||
    { cat build/native-configure.log >&2; die "the native libraries do not configure"; }
  cmake --build build/native -j "$(jobs_wanted)"
  printf '%s\n' "$stamp" >build/native/.stamp
}

# ggml looks for backends beside its own library, and passes over those whose driver is not there.
add_gpu_backends() {
  local kind
  mkdir -p build/native/llama
  rm -f build/native/llama/libggml-vulkan.so build/native/llama/libggml-cuda.so
  for kind in ${DEV_GPU:-}; do
    case $kind in vulkan|cuda) ;; *) die "DEV_GPU knows vulkan and cuda, not \"$kind\"" ;; esac
    third_party/fetch.sh "@node-llama-cpp/linux-x64-$kind" >/dev/null
    cp "build/third_party/@node-llama-cpp/linux-x64-$kind/bins/linux-x64-$kind/libggml-$kind.so" build/native/llama/
  done
}

# The sources of llama.cpp travel as a git bundle inside their package.
unpack_llama() {
  local folder=build/third_party/llama.cpp bundle=build/third_party/node-llama-cpp/llama/gitRelease.bundle pin
  pin=$(cat build/third_party/node-llama-cpp/.pin)
  [ "$(cat "$folder/.pin" 2>/dev/null)" != "$pin" ] || return 0
  rm -rf "$folder"
  git -c advice.detachedHead=false clone --quiet "$bundle" "$folder"
  rm -rf "$folder/.git"
  printf '%s\n' "$pin" >"$folder/.pin"
}
