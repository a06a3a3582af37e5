# Format every C++ file of ours with clang-format 19
#
#   ./dev fmt [--check]       --check changes nothing and fails if something would change

verb_fmt() {
  deps test
  case ${1:-} in
    '') cpp_files | xargs -0 -r clang-format-19 -i ;;
    --check) cpp_files | xargs -0 -r clang-format-19 --dry-run -Werror ;;
    *) misuse "fmt knows only --check" ;;
  esac
}
