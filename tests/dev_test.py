#!/usr/bin/python3
"""Tests of ./dev itself and of third_party/fetch.sh: what they refuse, what they say, and how ./dev test counts.

They run on copies in a temporary folder, with stand-ins for the programs that ./dev calls first on the PATH.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

JUNIT = """<?xml version="1.0"?>
<testsuite name="x" tests="5" failures="1" disabled="1" skipped="1">
  <testcase name="a" status="run"/><testcase name="b" status="run"/>
  <testcase name="c" status="fail"><failure message=""/></testcase>
  <testcase name="d" status="notrun"><skipped message="Unable to find executable"/></testcase>
  <testcase name="e" status="disabled"><skipped message="Disabled"/></testcase>
</testsuite>
"""


class CopyOfTheTree(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.tree = self.folder / "tree"
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.tree.mkdir()
        for name in ("dev", "CMakePresets.json"):
            shutil.copy(ROOT / name, self.tree / name)
        for name in ("tools", "third_party"):
            shutil.copytree(ROOT / name, self.tree / name)
        (self.tree / "tests").mkdir()
        (self.tree / "tests/arrows_test.py").write_text("import sys\n")
        self.program("git", "exit 1")  # the copy is no checkout, whatever folder it lies in

    def program(self, name, script):
        path = self.bin / name
        path.write_text("#!/bin/bash\n" + script + "\n")
        path.chmod(0o755)

    def environment(self, more):
        return {"PATH": f"{self.bin}:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.folder), "DEV_DEPS": "off", "DEV_NATIVE": "off", **more}

    def dev(self, *arguments, program="./dev", **environment):
        return subprocess.run([program, *arguments], cwd=self.tree, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, env=self.environment(environment))


class ProvidersTest(unittest.TestCase):
    """Which engines there are is chosen when the build is configured."""

    def configure(self, folder, providers):
        return subprocess.run(["cmake", "--preset", "dev", "-B", folder, "-DHOSTLER_TESTS=OFF", "-DHOSTLER_PROVIDERS=" + providers], cwd=ROOT,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def test_what_is_left_out_is_not_built(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.configure(folder, "espeak;faster-whisper")
            self.assertEqual(done.returncode, 0, done.stderr)
            rules = (pathlib.Path(folder) / "build.ninja").read_text()
            programs = {line.split()[1].rstrip(":") for line in rules.splitlines() if line.startswith("build bin/")}
            self.assertLessEqual({"bin/hostler", "bin/hostler-engine-classic", "bin/hostler-engine-whisper"}, programs)
            self.assertFalse({"bin/hostler-engine-sherpa", "bin/hostler-engine-llama"} & programs)
            self.assertFalse("pocketsphinx.cc" in rules)
            self.assertFalse((pathlib.Path(folder) / "bin/llama-server").exists())

    def test_a_provider_that_nobody_knows_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.configure(folder, "espeak;kokorro")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn('unknown provider "kokorro"', done.stderr)


class DevTest(CopyOfTheTree):
    def test_help_names_every_verb(self):
        done = self.dev("help")
        self.assertEqual(done.returncode, 0)
        for file in (self.tree / "tools/dev").glob("*.sh"):
            self.assertRegex(done.stdout, rf"(?m)^  {file.stem} +\w+")
            one = self.dev("help", file.stem)
            self.assertEqual(one.returncode, 0)
            self.assertIn(f"./dev {file.stem}", one.stdout)

    def test_unknown_verb_names_the_nearest(self):
        done = self.dev("tset")
        self.assertEqual(done.returncode, 2)
        self.assertIn('did you mean "test"?', done.stderr)
        far = self.dev("make-me-a-sandwich")
        self.assertEqual(far.returncode, 2)
        self.assertNotIn("did you mean", far.stderr)

    def test_unknown_preset_and_option_are_refused(self):
        self.assertEqual(self.dev("build", "relaese").returncode, 2)
        self.assertEqual(self.dev("test", "--fast").returncode, 2)
        self.assertEqual(self.dev("run", "--forever").returncode, 2)

    def test_deps_is_silent_work_when_all_is_there(self):
        self.program("dpkg-query", 'for name in "${@:3}"; do echo "$name installed"; done')
        self.program("apt-get", "echo must not be called; exit 9")
        done = self.dev("deps", "build", DEV_DEPS="")
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "deps: all there (build)"), done.stderr)

    def test_deps_installs_only_what_is_missing(self):
        self.program("dpkg-query", 'for name in "${@:3}"; do [ $name = mold ] || echo "$name installed"; done; exit 1')
        self.program("id", "echo 0")
        self.program("apt-get", f'echo "$*" >>{self.folder}/calls')
        self.assertEqual(self.dev("deps", "build", DEV_DEPS="").returncode, 0)
        update, install = (self.folder / "calls").read_text().splitlines()
        self.assertIn("update", update)
        self.assertRegex(install, r"^install -y --no-install-recommends .* mold( -|$)")
        self.assertNotIn("cmake", install)

    def test_native_is_left_out_on_request_and_refused_where_nothing_is_pinned(self):
        done = self.dev("native")
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "native: all there (build/native)"), done.stderr)
        (self.tree / "native").mkdir()
        (self.tree / "native/CMakeLists.txt").touch()
        self.program("uname", "echo sparc64")
        done = self.dev("native", DEV_NATIVE="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("DEV_NATIVE=off", done.stderr)

    def test_deps_of_a_group_that_is_not_there(self):
        done = self.dev("deps", "bild", DEV_DEPS="")
        self.assertEqual(done.returncode, 2)
        self.assertIn("build test bench fresh", done.stderr)

    def test_a_package_that_was_tampered_with_is_refused(self):
        (self.tree / "third_party/pins.txt").write_text("thing@1.0.0 sha512-" + "A" * 86 + "==\n")
        self.program("npm", "echo rubbish >thing-1.0.0.tgz; echo thing-1.0.0.tgz")
        done = self.dev("thing", program="third_party/fetch.sh")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not what was pinned", done.stderr)
        self.assertEqual([p.name for p in (self.tree / "build/third_party").iterdir()], [])

    def test_a_package_without_a_pin_is_refused(self):
        done = self.dev("thing", program="third_party/fetch.sh")
        self.assertEqual(done.returncode, 1)
        self.assertIn("pins.txt", done.stderr)

    def run_tests(self, cmake, ctest):
        (self.folder / "junit.xml").write_text(JUNIT)
        self.program("clang-format-19", "exit 0")
        self.program("cmake", cmake)
        self.program("ctest", ctest)
        return self.dev("test", "--quick")

    # Finds where ctest was asked to write its report.
    CTEST = 'while [ $# -gt 0 ]; do [ "$1" != --output-junit ] || report=$2; shift; done; '

    def test_the_last_line_adds_up(self):
        done = self.run_tests("mkdir -p build/dev; touch build/dev/build.ninja", self.CTEST + f'cp {self.folder}/junit.xml "$report"; exit 8')
        self.assertEqual(done.stdout.splitlines()[-1], "5 passed, 2 failed", done.stdout + done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_a_broken_build_is_a_failure_and_the_rest_still_runs(self):
        done = self.run_tests("mkdir -p build/dev; touch build/dev/build.ninja; [ $1 != --build ]",
                              self.CTEST + f'cp {self.folder}/junit.xml "$report"; exit 8')
        self.assertEqual(done.stdout.splitlines()[-1], "5 passed, 3 failed", done.stdout + done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_no_tests_at_all_is_a_failure(self):
        done = self.run_tests("mkdir -p build/dev; touch build/dev/build.ninja", "exit 8")
        self.assertEqual(done.stdout.splitlines()[-1], "3 passed, 1 failed", done.stdout + done.stderr)
        self.assertEqual(done.returncode, 1)


class RunTest(CopyOfTheTree):
    """./dev run against a stand-in for hostler, built by a stand-in for CMake."""

    HOSTLER = r"""
echo "$*${HOSTLER_SERVER:+ @ $HOSTLER_SERVER}" >>calls
case $1 in
  serve) echo "hostler is listening on http://127.0.0.1:4711"; sleep infinity >/dev/null & trap "kill $!; echo stopped >>calls; exit 0" TERM; wait ;;
  speak) echo RIFF >build/speech.wav ;;
  transcribe) echo "${HEARD:-one two three four five}" ;;
esac
"""

    def setUp(self):
        super().setUp()
        self.program("hostler", self.HOSTLER)
        self.program("cmake", f"mkdir -p build/release/bin; touch build/release/build.ninja; cp {self.bin}/hostler build/release/bin/hostler")

    def test_once_takes_the_tour_and_stops_the_server(self):
        done = self.dev("run", "--once")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        calls = (self.tree / "calls").read_text().splitlines()
        self.assertEqual(calls[0], "serve --port 0 --home build/home-once")
        self.assertIn("transcribe build/speech.wav --model pocketsphinx --grammar build/tour.gram @ http://127.0.0.1:4711", calls)
        self.assertEqual(calls[-1], "stopped")

    def test_once_fails_when_the_words_differ(self):
        done = self.dev("run", "--once", HEARD="one two tree")
        self.assertEqual(done.returncode, 1)
        self.assertIn('heard "one two tree"', done.stderr)
        self.assertEqual((self.tree / "calls").read_text().splitlines()[-1], "stopped")

    def test_run_stays_until_told_and_takes_the_server_along(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with socket.create_server(("127.0.0.1", 0)) as taken, subprocess.Popen(
                    ["./dev", "run"], cwd=self.tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                    env=self.environment({"HOSTLER_PORT": str(taken.getsockname()[1])})) as process:
                said = []
                for line in process.stdout:
                    said.append(line)
                    if "Ctrl-C stops it" in line:
                        process.send_signal(number)
                self.assertEqual(process.wait(), 0, "".join(said))
            self.assertIn("using a free one", "".join(said))
            calls = (self.tree / "calls").read_text().splitlines()
            self.assertEqual((calls[0], calls[-1]), ("serve --port 0 --home build/home", "stopped"))

    def test_a_server_that_does_not_start_is_told(self):
        self.program("hostler", "echo the home is locked >&2; exit 3")
        done = self.dev("run", "--once")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the home is locked", done.stderr)


if __name__ == "__main__":
    unittest.main()
