# Run clang-tidy 19 over every C++ file that changed since it was last clean
#
#   ./dev tidy [PATH-PART...] only files whose path contains one of the words
#
# A file that was clean leaves a stamp in build/tidy/stamps; it is looked at again when it, any header of ours or
# .clang-tidy changes.

verb_tidy() {
  deps build test
  cmake --preset tidy >build/tidy-configure.log 2>&1 || { cat build/tidy-configure.log >&2; die "preset tidy does not configure"; }
  /usr/bin/python3 tools/tidy.py --jobs "$(jobs_wanted)" "$@"
}
