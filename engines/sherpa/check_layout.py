#!/usr/bin/python3
"""Compares the structs of abi.h with those that the JavaScript glue of the same release writes and reads.

    check_layout.py ABI_H GLUE_FOLDER [--stamp FILE]
    check_layout.py ABI_H GLUE_FOLDER --self-test      drops and changes each field in turn, and expects to be told

A struct's comment `// = NAME, NAME` names the glue's functions: init<NAME> writes the fields one by one, CLASS.METHOD reads them. Both
are flattened to a list of kinds (pointer, float, int32) and must be the same; nothing of abi.h may go unchecked but what KNOWN names.
"""

import pathlib
import re
import sys

KNOWN = {"AsrResult"}  # the glue asks for it as JSON; sherpa_test.cc compares the two
KINDS = {"i8*": "pointer", "float": "float", "i32": "int32"}
SCRIPTS = ("sherpa-onnx-asr.js", "sherpa-onnx-tts.js", "sherpa-onnx-vad.js", "sherpa-onnx-speaker-diarization.js")


class Drift(Exception):
    pass


def own_structs(text):
    """name -> (names in the glue, [(kind or struct, field)])"""
    structs = {}
    for comment, name, body in re.findall(r"((?:^//[^\n]*\n)*)^struct (\w+) \{\n(.*?)^\};", text, re.S | re.M):
        glue = re.findall(r"(?:=|,) ([\w.]+)", " ".join(line[2:] for line in comment.splitlines() if line.startswith("// =")))
        fields = []
        for line in filter(None, body.splitlines()):
            found = re.match(r"\s*(const [\w* ]+\*|std::int32_t|float|\w+) (\w+)( = [^;]+)?;", line)
            if not found:
                raise Drift(f"struct {name}: cannot read {line!r}")
            kind = found[1]
            fields.append(("pointer" if "*" in kind else "int32" if kind.endswith("int32_t") else kind, found[2]))
        structs[name] = (glue, fields)
    return structs


def flat(structs, name):
    kinds = []
    for kind, _ in structs[name][1]:
        kinds += flat(structs, kind) if kind in structs else [kind]
    return kinds


def function_bodies(text):
    return dict(re.findall(r"^function (?:init)?(\w+)\(\s*config, Module\) \{\n(.*?)^\}", text, re.S | re.M))


def written(functions, name):
    """What init<name> puts into its struct, in order."""
    if name not in functions:
        raise Drift(f"the glue has no init{name}")
    body = functions[name]
    parts = dict(re.findall(r"(?:const|let|var) (\w+)\s*=\s*init(\w+)\(", body))
    kinds = []
    for kind, part in re.findall(r"Module\.setValue\((?:(?!setValue).)*?'(i8\*|float|i32)'\)|Module\._CopyHeap\(\s*(\w+)\.ptr", body, re.S):
        kinds += [KINDS[kind]] if kind else written(functions, parts[part])
    return kinds


def read(text, name):
    """Of a struct that the glue reads: how many fields, and which are float. It cannot tell an int32 from a pointer."""
    owner, method = name.split(".")
    body = re.search(rf"^class {owner} \{{.*?^  {method}\([^\n]*\{{\n(.*?)^  \}}", text, re.S | re.M)
    if not body:
        raise Drift(f"the glue has no {name}")
    fields = {}
    for heap, place in re.findall(r"HEAP(F32|U32|32)\[(?:h|p|base)(?: / 4)?(?: \+ (\d+))?\]", body[1]):
        fields[int(place or 0)] = "float" if heap == "F32" else "word"
    if sorted(fields) != list(range(len(fields))) or not fields:
        raise Drift(f"{name} reads the fields {sorted(fields)}")
    return [fields[place] for place in range(len(fields))]


def check(header, folder):
    structs = own_structs(header)
    scripts = [(folder / script).read_text() for script in SCRIPTS]
    functions = {}
    for script in scripts:
        functions.update(function_bodies(script))
    checked = 0
    for name, (glue, _) in structs.items():
        own = flat(structs, name)
        if not glue and name not in KNOWN:
            raise Drift(f"struct {name}: its comment does not say which of the glue's structs it is")
        for theirs in glue:
            if "." in theirs:
                script = next((text for text in scripts if f"class {theirs.split('.')[0]} " in text), "")
                expected, mine = read(script, theirs), ["float" if kind == "float" else "word" for kind in own]
            else:
                expected, mine = written(functions, theirs), own
            if expected != mine:
                raise Drift(f"struct {name} has {len(mine)} fields {mine}, and {theirs} of the library has {len(expected)}: {expected}")
            checked += 1
    if not checked:
        raise Drift("nothing was compared")
    return checked


def self_test(header, folder):
    lines = header.splitlines()
    inside = None
    for number, line in enumerate(lines):
        if found := re.match(r"struct (\w+) \{", line):
            inside = found[1]
        elif line.startswith("}"):
            inside = None
        elif inside and inside not in KNOWN and line.strip():
            kind = "std::int32_t" if re.match(r"\s*float", line) else "float"
            for changed in ("", re.sub(r"^\s*(const [\w* ]+\*|[\w:]+) (\w+).*", rf"  {kind} \2;", line)):
                try:
                    check("\n".join(lines[:number] + [changed] + lines[number + 1:]), folder)
                except Drift:
                    continue
                if changed or "Diarization" in inside:  # the glue reads whole structs only there
                    sys.exit(f"line {number + 1} as {changed!r} was not noticed")


def main():
    header, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    try:
        checked = check(header.read_text(), folder)
        if "--self-test" in sys.argv:
            self_test(header.read_text(), folder)
    except Drift as drift:
        sys.exit(f"{header}: {drift}\nThe library and our declarations of it have drifted apart: change abi.h to what the library of this release has.")
    if "--stamp" in sys.argv:
        pathlib.Path(sys.argv[sys.argv.index("--stamp") + 1]).write_text(f"{checked} structs\n")
    else:
        print(f"{checked} structs agree")


main()
