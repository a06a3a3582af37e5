#!/usr/bin/python3
"""Runs clang-tidy over the files of build/tidy/compile_commands.json, skipping those that are known to be clean."""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "tidy"
STAMPS = BUILD / "stamps"
OURS = ("src", "engine_sdk", "engines", "tests", "fuzz", "bench")
TIDY = "clang-tidy-19"


def shared_key():
    """What every verdict depends on: the tool, its settings, and every header of ours."""
    digest = hashlib.sha256(subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout)
    headers = [path for folder in OURS for path in (ROOT / folder).rglob("*.h")]
    for path in [ROOT / ".clang-tidy", *sorted(headers)]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def file_key(shared, path, command):
    digest = hashlib.sha256(shared.encode())
    digest.update(command.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("words", nargs="*", help="only files whose path contains one of these")
    options = parser.parse_args()

    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in OURS:
            continue
        if not options.words or any(word in str(path.relative_to(ROOT)) for word in options.words):
            commands[path] = entry.get("command") or " ".join(entry["arguments"])
    if not commands:
        sys.exit("tidy: no file matches")

    STAMPS.mkdir(parents=True, exist_ok=True)
    shared = shared_key()
    keys = {path: file_key(shared, path, command) for path, command in commands.items()}
    todo = [path for path in sorted(commands) if not (STAMPS / keys[path]).exists()]

    def look(path):
        done = subprocess.run([TIDY, "-p", BUILD, "--quiet", path], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return path, done.returncode, done.stdout + (done.stderr if done.returncode else "")

    failed = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, status, output in pool.map(look, todo):
            name = path.relative_to(ROOT)
            if status:
                failed.append(name)
                print(f"{name}: not clean\n{output}", flush=True)
            else:
                (STAMPS / keys[path]).touch()
                print(f"{name}: clean", flush=True)
    print(f"tidy: {len(commands)} files, {len(commands) - len(todo)} known to be clean, {len(failed)} not clean")
    # Stamps of files as they once were are of no more use; a partial run must not drop the others'.
    if not options.words:
        for stamp in STAMPS.iterdir():
            if stamp.name not in keys.values():
                stamp.unlink()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
