#!/usr/bin/python3
"""Configuration as people meet it: who wins, what is told about a mistake, what is refused."""

import json
import subprocess
import tempfile
import unittest
import pathlib

import house


class Config(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hostler-test-")
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)

    def run_hostler(self, *arguments, **environment):
        return subprocess.run([house.HOSTLER, *arguments], env={**house.QUIET, "HOSTLER_HOME": str(self.home), **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=house.LONG)

    def write(self, text):
        (self.home / "hostler.toml").write_text(text)

    def setting(self, key, **environment):
        done = self.run_hostler("config", "show", "--json", **environment)
        self.assertEqual(done.returncode, 0, done)
        shown = json.loads(done.stdout)
        rows = shown if isinstance(shown, list) else shown["settings"]
        return next(row for row in rows if row["key"] == key)

    def test_defaults_then_the_file_then_the_environment(self):
        self.assertEqual(self.setting("server.port")["origin"], "default")
        self.write("[server]\nport = 1234\n")
        row = self.setting("server.port")
        self.assertEqual((str(row["value"]), row["origin"]), ("1234", "file"))
        self.assertTrue(row["where"].endswith("hostler.toml:2"), row)
        row = self.setting("server.port", HOSTLER_PORT="2345")
        self.assertEqual((str(row["value"]), row["origin"], row["where"]), ("2345", "environment", "HOSTLER_PORT"))
        self.assertEqual(self.setting("server.port", HOSTLER_PORT="")["origin"], "file")

    def refused(self, status, *words, arguments=("serve", "--port", "0"), **environment):
        done = self.run_hostler(*arguments, **environment)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_misspelt_key_is_told_the_nearest(self):
        self.write("[server]\nprot = 1\n")
        self.refused(2, "hostler.toml:2", "server.prot", "port")
        self.write("[modles]\nmax_loaded = 1\n")
        self.refused(2, "modles", "model")
        self.write("")
        self.refused(2, "HOSTLER_PROT", "HOSTLER_PORT", HOSTLER_PROT="1")
        self.refused(2, "--prot", arguments=("serve", "--prot", "1"))

    def test_wrong_values_are_told_what_was_expected(self):
        for text, *words in (("[server]\nport = 70000\n", "server.port", "65535"), ('[models]\nevict = "maybe"\n', "models.evict", "lru"),
                             ("[server\n", "hostler.toml:1"), ('[[model]]\nid = "x"\ntype = "tts"\n', "engine"),
                             ('[[model]]\nid = "x"\ntype = "song"\nengine = "/x"\n', "model.type", "tts")):
            with self.subTest(text=text):
                self.write(text)
                self.refused(2, *words)

    def test_the_network_is_refused_without_insecure(self):
        for host in ("0.0.0.0", "::"):
            self.refused(1, host, "--insecure", arguments=("serve", "--port", "0", "--host", host))

    def test_a_home_that_cannot_be(self):
        (self.home / "file").write_text("")
        self.refused(1, "file", arguments=("serve", "--port", "0", "--home", str(self.home / "file" / "home")))


if __name__ == "__main__":
    house.main()
