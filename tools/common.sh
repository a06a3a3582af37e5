# What the verbs of ./dev share. Sourced with the tree as working folder, under set -euo pipefail.

say() { printf '\n== %s\n' "$*"; }
die() { printf './dev: %s\n' "$*" >&2; exit 1; }
misuse() { printf './dev: %s\n' "$*" >&2; exit 2; }

# Settings of ./dev are called DEV_…: hostler refuses variables that begin with HOSTLER_ and that it does not know.
jobs_wanted() { echo "${DEV_JOBS:-$(nproc)}"; }

# The comment at the top of a verb's file, without the comment signs.
verb_help() { sed -n '/^#/!q; s/^# \{0,1\}//p' "tools/dev/$1.sh"; }

# nearest WORD CANDIDATE...: the candidate with the fewest edits, if that is few enough for a misspelling.
nearest() {
  awk 'BEGIN {
    word = ARGV[1]; limit = length(word) > 4 ? 2 : 1; if (length(word) > 2) limit = 2
    for (i = 2; i < ARGC; i++) { d = edits(word, ARGV[i]); if (d <= limit && (best == "" || d < least)) { best = ARGV[i]; least = d } }
    print best
  }
  function edits(a, b,   i, j, c, row) {
    for (j = 0; j <= length(b); j++) row[0, j] = j
    for (i = 1; i <= length(a); i++) {
      row[i, 0] = i
      for (j = 1; j <= length(b); j++) {
        c = row[i - 1, j - 1] + (substr(a, i, 1) != substr(b, j, 1))
        if (row[i - 1, j] + 1 < c) c = row[i - 1, j] + 1
        if (row[i, j - 1] + 1 < c) c = row[i, j - 1] + 1
        row[i, j] = c
      }
    }
    return row[length(a), length(b)]
  }' "$@"
}

# Files of this tree (tracked, or new and not ignored) whose names match the given patterns, separated by NUL.
our_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard -- "$@" | while IFS= read -r -d '' file; do
      [ ! -f "$file" ] || printf '%s\0' "$file"
    done
  else
    local names=() pattern
    for pattern in "$@"; do names+=(-o -name "$pattern"); done
    find . \( -path ./build -o -name node_modules \) -prune -o -type f \( "${names[@]:1}" \) -print0
  fi
}
cpp_files() { our_files '*.h' '*.cc'; }

# deps GROUP...: what ./dev deps does, for verbs that need something.
deps() { source tools/dev/deps.sh; install_groups "$@"; }

# build_preset PRESET [NINJA-OPTION...]: configures when needed, then builds.
build_preset() {
  local preset=$1
  shift
  source tools/dev/native.sh
  build_native || return 1
  if [ ! -e "build/$preset/build.ninja" ] || [ CMakePresets.json -nt "build/$preset/build.ninja" ]; then
    cmake --preset "$preset" || return 1
  fi
  cmake --build --preset "$preset" -j "$(jobs_wanted)" -- "$@"
}

# preset_exists NAME: is it one of CMakePresets.json?
preset_exists() {
  /usr/bin/python3 - "$1" <<'PY'
import json, sys
with open("CMakePresets.json", encoding="utf-8") as file:
    names = [p["name"] for p in json.load(file)["configurePresets"] if not p.get("hidden")]
if sys.argv[1] not in names:
    sys.exit(f"./dev: there is no preset {sys.argv[1]!r}; there are: {', '.join(names)}")
PY
}
