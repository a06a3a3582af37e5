#!/usr/bin/python3
"""The house rules that a compiler does not see: who may include whom, and a few about files.

    tests/arrows_test.py [FOLDER]      reads the tree in FOLDER (default: this one), prints FILE:LINE: what and the remedy
    tests/arrows_test.py --self-test   breaks each rule in a copy of this tree and expects to be told

Arrows: the folder of every hostler_room() is a room. A file may include headers of its own room and of those that the
CMake calls that build it list under DEPS; tests and testing/ folders also those under TEST_DEPS. DEPS must not run in
circles. Some libraries belong to one room alone (HOME_OF_LIBRARY).
"""

import collections
import fnmatch
import pathlib
import re
import shutil
import sys
import tempfile

CODE_FOLDERS = ("src", "engine_sdk", "engines", "tests", "fuzz", "bench")
PRODUCT_FOLDERS = ("src/", "engine_sdk/", "engines/")
MUST_NOT_SLEEP = ("src/", "engine_sdk/", "engines/classic/", "engines/llama/", "engines/sherpa/", "engines/whisper/")
MOST_LINES = 600
# Homes of people; examples in comments and tests say /home/you or /home/x.
ONE_MACHINE = re.compile(r"(?<![\w.])/(home/(?!(you|x)/)\w+|Users/(?!(you|x)/)\w+|root)/")

# A library's headers, the rooms that may include them, and why nobody else.
HOME_OF_LIBRARY = (
    (r"boost/beast", ("src/http",), "routes see hostler's own Request and Response"),
    (r"lib(av|sw)\w+/", ("src/media",), "others ask src/media"),
    (r"spdlog/", ("src/log",), "others write through log/log.h"),
    (r"CLI/", ("src/cli",), "command lines are read in src/cli"),
    (r"nettle/", ("src/store",), "others ask store/hash.h"),
    (r"curl/", ("src/outbound",), "others ask src/outbound"),
    (r"sqlite3(ext)?\.h", ("src/db",), "others go through db/db.h"),
    (r"toml\+\+/|toml\.hpp", ("src/config",), "others get typed settings"),
    (r"espeak-ng/|flite/|pocketsphinx|sphinxbase/", ("engines/classic", "bench"), "native speech libraries live in their engine's process"),
    (r"(llama|ggml\S*|gguf|mtmd\S*)\.h", ("engines/llama", "bench"), "llama.cpp lives in its engine's process"),
    (r"(whisper|parakeet)\.h", ("engines/whisper", "bench"), "whisper.cpp lives in its engine's process"),
)

Problem = collections.namedtuple("Problem", "file line text")


class Target:
    """One CMake call that builds something: its files and the rooms that they may include."""

    def __init__(self, kind, name, folder, arguments):
        self.kind, self.name, self.folder = kind, name, folder
        groups = collections.defaultdict(list)
        keyword = "HEAD"
        for word in arguments:
            if re.fullmatch(r"[A-Z][A-Z_]+", word):
                keyword = word
            else:
                groups[keyword].append(word)
        plain = [word for keyword in ("HEAD", "MODULE", "STATIC", "SHARED", "OBJECT", "PRIVATE") for word in groups[keyword] if "." in word]
        self.sources = groups["SOURCES"] or (plain if kind.startswith("add_") or kind == "target_sources" else [])
        self.tests = groups["TESTS"]
        self.deps = groups["DEPS"]
        self.test_deps = groups["TEST_DEPS"]

    def builds(self, path, names):
        """Does one of `names`, as written in CMake (perhaps with ${variables}), mean the file `path`?"""
        return any(fnmatch.fnmatchcase(path, f"{self.folder}/" + re.sub(r"[$][{][^}]*[}]", "*", name.removeprefix("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/")))
                   for name in names)


def cmake_calls(text):
    """(line, function, arguments) of every call; comments and quotes are understood, nesting is not needed here."""
    text = re.sub(r"#[^\n]*", "", text)
    for match in re.finditer(r"(?<![\w$])(\w+)\s*\(", text):
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield text.count("\n", 0, match.start()) + 1, match.group(1), re.findall(r'"[^"]*"|[^\s()"]+', text[match.end():end - 1])


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.problems = []
        self.files = sorted(
            path.relative_to(self.root).as_posix()
            for folder in CODE_FOLDERS
            for path in (self.root / folder).rglob("*")
            if path.is_file() and not {"node_modules", "__pycache__"} & set(path.parts))
        self.texts = {name: self.read(name) for name in self.files
                      if name.endswith((".h", ".cc", ".py", ".sh", ".cmake", ".sql")) or name.endswith("CMakeLists.txt")}
        self.targets, self.rooms, self.owners = [], {}, {}
        self.read_cmake()

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def tell(self, file, line, text):
        self.problems.append(Problem(file, line, text))

    # ---- what CMake says ----

    def read_cmake(self):
        for file in [name for name in self.files if name.endswith("CMakeLists.txt")]:
            folder = file.rpartition("/")[0]
            links = collections.defaultdict(list)
            here = []
            for line, function, arguments in cmake_calls(self.texts[file]):
                if not arguments:
                    continue
                name, rest = arguments[0], arguments[1:]
                if re.fullmatch(r"hostler_\w+", function) and ("DEPS" in rest or "SOURCES" in rest or function == "hostler_room"):
                    here.append(Target(function, name, folder, rest))
                    if function == "hostler_room":
                        self.add_room(file, line, here[-1])
                    else:
                        self.owners.setdefault(folder, here[-1])
                elif function in ("add_library", "add_executable", "target_sources"):
                    here.append(Target(function, name, folder, rest))
                elif function == "target_link_libraries":
                    links[name] += [word[len("hostler_"):] for word in rest if word.startswith("hostler_")]
            for target in here:
                target.deps += links[target.name]
            self.targets += here
        for folder, room in self.rooms.items():
            self.owners[folder] = room

    def add_room(self, file, line, room):
        last = room.folder.rpartition("/")[2]
        if room.name not in (last, room.folder.replace("/", "_"), "_".join(room.folder.split("/")[1:])):
            self.tell(file, line, f"room {room.name} lives in {room.folder}: give room and folder one name")
        self.rooms[room.folder] = room

    def owner(self, path):
        """The room (or else the program) in whose folder `path` lies."""
        folder = path.rpartition("/")[0]
        while folder:
            if folder in self.owners:
                return self.owners[folder]
            folder = folder.rpartition("/")[0]
        return None

    def resolve(self, path, include):
        """The file of ours that `include` in `path` means, searched as the compiler does; None if it is not ours."""
        for folder in (path.rpartition("/")[0], "src", ""):
            candidate = f"{folder}/{include}" if folder else include
            if candidate in self.texts:
                return candidate
        return None

    # ---- arrows ----

    def allowed(self, path):
        """Names of rooms that `path` may include besides its own, and the CMake file to mend; None: nothing builds it."""
        owner = self.owner(path)
        if path.endswith(".cc"):
            builders = [t for t in self.targets if t.builds(path, t.sources + t.tests)]
            if not builders:
                return None
        else:
            builders = [owner] if owner else []
        names = set()
        for target in builders:
            names |= set(target.deps)
            if target.builds(path, target.tests) or "/testing/" in path or path.endswith("_test.h"):
                names |= set(target.test_deps)
        return names

    def check_arrows(self):
        for path in self.files:
            if not path.endswith((".h", ".cc")):
                continue
            names = self.allowed(path)
            if names is None:
                self.tell(path, 1, "no CMakeLists.txt builds this file: add it to SOURCES or TESTS, or delete it")
                continue
            owner = self.owner(path)
            if owner is None and path.startswith(PRODUCT_FOLDERS):
                self.tell(path, 1, "this folder is no room: declare it with hostler_room() or hostler_program()")
                continue
            for line, include in self.includes(path, '"'):
                target = self.resolve(path, include)
                other = self.owner(target) if target else None
                if other is None or other is owner or other.name in names:
                    continue
                cmake = f"{owner.folder if owner else path.rpartition('/')[0]}/CMakeLists.txt"
                self.tell(path, line, f"includes {include} of room {other.name}, which is no declared arrow: "
                                      f"add {other.name} to DEPS in {cmake} if the arrow points downward, else turn it round")

    def includes(self, path, opening):
        closing = ">" if opening == "<" else opening
        for number, text in enumerate(self.texts[path].splitlines(), 1):
            match = re.match(rf"\s*#\s*include\s*{opening}([^{closing}]+){closing}", text)
            if match:
                yield number, match.group(1)

    def check_circles(self):
        names = {room.name: room for room in self.rooms.values()}
        done, path = set(), []

        def visit(name):
            if name in path:
                circle = " -> ".join(path[path.index(name):] + [name])
                self.tell(f"{names[name].folder}/CMakeLists.txt", 1, f"rooms depend in a circle: {circle}; take one arrow out")
                return
            if name in done or name not in names:
                return
            path.append(name)
            for dep in names[name].deps:
                visit(dep)
            path.pop()
            done.add(name)

        for name in sorted(names):
            visit(name)

    def check_libraries(self):
        for path in self.files:
            if not path.endswith((".h", ".cc")):
                continue
            for line, include in [*self.includes(path, "<"), *self.includes(path, '"')]:
                for pattern, homes, why in HOME_OF_LIBRARY:
                    if re.match(pattern, include) and not any(path.startswith(home + "/") for home in homes):
                        self.tell(path, line, f"includes {include}, which belongs to {' and '.join(homes)}: {why}")

    # ---- files ----

    def check_files(self):
        checkout = str(self.root) + "/"
        for path, text in self.texts.items():
            lines = text.splitlines()
            if len(lines) > MOST_LINES:
                self.tell(path, len(lines), f"{len(lines)} lines: a file of more than {MOST_LINES} is two files")
            if path.endswith(".h") and not text.startswith(("//", "/*")):
                self.tell(path, 1, "a header opens with a comment: what it is for, who owns it, which thread may call it")
            for number, line in enumerate(lines, 1):
                if checkout in line or (path.startswith(PRODUCT_FOLDERS) and ONE_MACHINE.search(line)):
                    self.tell(path, number, "a path of one machine: make it relative, or a setting")
                if path.startswith(MUST_NOT_SLEEP) and re.search(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b", line):
                    self.tell(path, number, "sleeps: wait for the event itself (a condition, a timer, a descriptor)")

    # ---- names ----

    def check_names(self):
        """Two types of one name in one namespace: each file compiles, and the linker mixes their functions without a word."""
        homes = {}
        for path, text in self.texts.items():
            if not path.endswith(".h"):
                continue
            namespace = ""
            for number, line in enumerate(text.splitlines(), 1):
                if found := re.match(r"namespace ([\w:]+) \{", line):
                    namespace = found[1]
                elif found := re.match(r"(?:struct|class|enum class) (\w+)(?: final)?(?: : .*)? \{", line):
                    name = f"{namespace}::{found[1]}"
                    if homes.setdefault(name, path) != path:
                        self.tell(path, number, f"{name} is defined in {homes[name]} too: two types of one name are one to the linker")

    def check(self):
        self.check_arrows()
        self.check_circles()
        self.check_libraries()
        self.check_files()
        self.check_names()
        return sorted(set(self.problems))


# ---- the rules, broken on purpose ----

# What is planted in a copy: the file, its text ("+": appended to what is there), and words of the complaint.
PLANTED = (
    ("src/base/planted.h", '// Planted.\n#include "upper/upper.h"\n', "no declared arrow"),
    ("src/base/text.cc", '+\n#include "upper/upper.h"\n', "no declared arrow"),
    ("src/base/base_test.cc", '+\n#include "upper/upper.h"\n', "no declared arrow"),
    ("src/base/forgotten.cc", "int Forgotten() { return 1; }\n", "no CMakeLists.txt builds this file"),
    ("src/lonely/lonely.h", "// Planted.\n", "this folder is no room"),
    ("src/base/CMakeLists.txt", "+\nhostler_room(base SOURCES text.cc DEPS upper)\n", "in a circle"),
    ("src/base/planted.h", "// Planted.\n#include <boost/beast/http.hpp>\n", "belongs to src/http"),
    ("src/base/planted.h", "// Planted.\n#include <libavutil/frame.h>\n", "belongs to src/media"),
    ("src/base/planted.h", "// Planted.\n#include <spdlog/spdlog.h>\n", "belongs to src/log"),
    ("src/base/planted.h", "// Planted.\n#include <CLI/CLI.hpp>\n", "belongs to src/cli"),
    ("src/base/planted.h", "// Planted.\n#include <toml++/toml.h>\n", "belongs to src/config"),
    ("src/base/planted.h", "#pragma once\n", "a header opens with a comment"),
    ("src/base/planted.h", "// Planted.\n" * (MOST_LINES + 1), "is two files"),
    ("src/base/planted.h", '// Planted.\ninline const char* kPath = "/home/mary/models";\n', "a path of one machine"),
    ("src/base/planted.h", "// Planted.\nnamespace hostler {\nstruct Error {\n  int code;\n};\n}\n", "is defined in src/base/planted.h too"),
    ("src/base/planted.h", "// Planted.\ninline void Wait() { std::this_thread::sleep_for(kLong); }\n", "sleeps"),
)


def plant_room(root):
    """A room above base, for the arrows that are to be wrong, and one file that may include it."""
    folder = root / "src/upper"
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text("hostler_room(upper SOURCES upper.cc DEPS base TESTS upper_test.cc)\n")
    (folder / "upper.h").write_text('// Planted.\n#include "base/text.h"\n')
    (folder / "upper.cc").write_text('#include "upper/upper.h"\n#include "base/text.h"\n')
    (folder / "upper_test.cc").write_text('#include "upper/upper.h"\n')


def self_test(root):
    failures = 0
    for file, text, words in (("", "", ""), *PLANTED):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            shutil.copytree(root / "src/base", copy / "src/base")
            plant_room(copy)
            if file:
                path = copy / file
                path.parent.mkdir(exist_ok=True)
                path.write_text(path.read_text() + text[1:] if text.startswith("+") else text)
            problems = Tree(copy).check()
            told = any(words in problem.text for problem in problems) if words else not problems
            if not told:
                failures += 1
                print(f"self-test: {file or 'the clean copy'}: expected {words or 'no problem'!r}, got {problems}")
    print(f"self-test: {len(PLANTED) + 1 - failures} passed, {failures} failed")
    return failures


def main():
    arguments = sys.argv[1:]
    root = pathlib.Path(__file__).resolve().parent.parent
    if arguments == ["--self-test"]:
        sys.exit(1 if self_test(root) else 0)
    tree = Tree(arguments[0] if arguments else root)
    problems = tree.check()
    for problem in problems:
        print(f"{problem.file}:{problem.line}: {problem.text}")
    print(f"arrows: {len(tree.texts)} files, {len(tree.rooms)} rooms, {len(problems)} problems")
    sys.exit(1 if problems or not tree.rooms else 0)


if __name__ == "__main__":
    main()
