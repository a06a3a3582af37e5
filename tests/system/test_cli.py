#!/usr/bin/python3
"""The command line against a real daemon, and without one."""

import json
import pathlib
import subprocess
import tempfile

import house
from house import fake


class CommandLine(house.Test):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hostler-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def hostler_says(self, *arguments, home, status=0, stdin=b"", environment=None):
        done = subprocess.run([house.HOSTLER, *arguments], input=stdin, capture_output=True, timeout=4 * house.LONG,
                              env={**house.QUIET, "HOSTLER_HOME": str(home), "TMPDIR": str(self.folder), "NO_COLOR": "1", **(environment or {})})
        self.assertEqual(done.returncode, status, done)
        return done

    def test_an_afternoon(self):
        hostler = self.start(fake("one"), fake("fails", load_fail="broken weights"))

        def say(*arguments, **more):
            return self.hostler_says(*arguments, home=hostler.home, **more)

        self.assertIn(hostler.url, say("status").stdout.decode())
        self.assertLessEqual({"one", "espeak", "pocketsphinx"}, {row["id"] for row in json.loads(say("models", "--json").stdout)["models"]})
        self.assertIn("one", say("load", "one").stdout.decode())
        self.assertEqual([row["model"] for row in json.loads(say("ps", "--json").stdout)["models"]], ["one"])
        failed = say("load", "fails", status=1)
        self.assertIn("broken weights", failed.stderr.decode())
        self.assertIn("espeak", say("load", "espaek", status=4).stderr.decode())
        say("speak", "three one four", "--model", "espeak", "-o", self.folder / "a.mp3")
        self.assertGreater((self.folder / "a.mp3").stat().st_size, 1000)
        heard = say("transcribe", self.folder / "a.mp3", "--model", "pocketsphinx")
        self.assertTrue(heard.stdout.strip())
        wav = say("speak", "-", "-o", "-", "--format", "wav", "--model", "one", stdin=b"hello").stdout
        self.assertTrue(wav.startswith(b"RIFF"))
        self.assertIn("slt", say("voices", "flite").stdout.decode())
        self.assertIn("listens on", say("logs").stdout.decode())
        say("unload", "one")
        self.assertNotIn("one", hostler.loaded())
        self.assertEqual(json.loads(say("crashes", "--json").stdout)["crashes"], [])

    def test_speaking_without_a_server_starts_one_and_leaves_nothing(self):
        home = self.folder / "home"
        home.mkdir()
        nobody = {"HOSTLER_PORT": "1"}  # nothing listens there
        self.hostler_says("speak", "hello", "-o", self.folder / "a.wav", home=home, environment=nobody)
        self.assertTrue((self.folder / "a.wav").read_bytes().startswith(b"RIFF"))
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name not in ("a.wav", "home")], [])
        self.assertEqual(house.processes_of(self.folder), [])

    def test_other_commands_say_that_nobody_is_there(self):
        said = self.hostler_says("ps", "--server", "http://127.0.0.1:1", home=self.folder, status=3)
        self.assertIn("127.0.0.1:1", said.stderr.decode())
        self.assertIn("→", said.stderr.decode())


if __name__ == "__main__":
    house.main()
