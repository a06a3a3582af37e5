#!/usr/bin/python3
"""The file system under a daemon: full, read-only, gone under way, linked elsewhere, oddly named, in use."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import house
from house import fake


class Home(house.Test):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hostler-files-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def refuse(self, home, *words, before=""):
        """A daemon that cannot start there says why and what to do; `before`: shell, in a mount namespace of its own."""
        command = [str(house.HOSTLER), "serve", "--port", "0", "--home", str(home)]
        if before:
            if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
                self.skipTest("no mount namespaces here")
            command = ["unshare", "-m", "sh", "-c", before + ' && exec "$@"', "sh", *command]
        done = subprocess.run(command, capture_output=True, text=True, env=house.QUIET, timeout=house.LONG)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("→", done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_full_disk(self):
        home = self.folder / "home"
        home.mkdir()
        self.refuse(home, "full", before=f"mount -t tmpfs -o size=1m none {home} && (cat /dev/zero > {home}/big 2>/dev/null || true)"
                                         f" && mkdir -p {home}/run/engines {home}/crashes {home}/tmp")

    def test_read_only(self):
        home = self.folder / "home"
        home.mkdir()
        self.refuse(home, "read-only", before=f"mount -t tmpfs -o size=1m,ro none {home}")

    def test_a_file_in_place_of_a_folder(self):
        (self.folder / "file").write_text("")
        self.refuse(self.folder / "file", "file")
        (self.folder / "home").mkdir()
        (self.folder / "home" / "run").write_text("")
        self.refuse(self.folder / "home", "run")

    def test_links_out_of_the_tree_are_not_followed(self):
        outside = self.folder / "outside"
        for name in ("run", "run/engines", "crashes", "tmp"):
            with self.subTest(name=name):
                shutil.rmtree(outside, ignore_errors=True)
                outside.mkdir()
                (outside / "precious").write_text("mine")
                home = self.folder / ("home-" + name.replace("/", "-"))
                (home / name).parent.mkdir(parents=True)
                (home / name).symlink_to(outside)
                self.refuse(home, "is a link")
                self.assertEqual([path.name for path in outside.iterdir()], ["precious"])
        home = self.folder / "home-lock"
        (home / "run").mkdir(parents=True)
        (home / "run" / "lock").symlink_to(outside / "precious")
        self.refuse(home, "lock")
        self.assertEqual((outside / "precious").read_text(), "mine")

    def test_links_inside_are_removed_not_followed(self):
        hostler = self.new(fake("one"))
        outside = self.folder / "outside"
        outside.mkdir()
        (outside / "precious").write_text("mine")
        for name in ("run/engines", "tmp"):
            (hostler.home / name).mkdir(parents=True)
            (hostler.home / name / "link").symlink_to(outside)
        hostler.start()
        self.assertFalse((hostler.home / "tmp" / "link").is_symlink())
        self.assertEqual((outside / "precious").read_text(), "mine")
        self.finish(hostler)

    def test_odd_paths(self):
        for name in ("with space", "größe-声", "line\nbreak", "x" * 200 + "/" + "y" * 150):
            with self.subTest(name=name):
                hostler = self.new(fake("one"))
                home = self.folder / name
                home.mkdir(parents=True)
                shutil.copy(hostler.home / "hostler.toml", home)
                kept, hostler.home = hostler.home, home
                hostler.environment["HOSTLER_HOME"] = str(home)
                hostler.start()
                self.assertEqual(hostler.speak("one").status, 200)
                self.finish(hostler)
                hostler.home = kept

    def test_removed_under_way(self):
        hostler = self.new(fake("one"), fake("two")).start()
        hostler.load("one")
        shutil.rmtree(hostler.home)
        self.assertEqual(hostler.get("/health").status, 200)
        self.assertEqual(hostler.load("two").status, 200)  # the folders are made again
        self.assertTrue(hostler.logs(q="was removed while"))
        self.assertTrue((hostler.home / "run" / "daemon.json").exists())
        with hostler.events() as events:
            self.assert_error(hostler.speak("one"), 503)  # its socket went with the folder
            events.until_state("one", "loaded")
        self.assertEqual(hostler.speak("one").status, 200)
        self.assertTrue(hostler.wait_for_crash("one"))
        self.refuse(hostler.home, f"pid {hostler.pid}", hostler.url)
        self.finish(hostler)

    def test_moved_and_replaced_by_a_link(self):
        hostler = self.new(fake("one"), fake("two")).start()
        hostler.load("one")
        moved = hostler.home.parent / "elsewhere"
        hostler.home.rename(moved)
        hostler.home.symlink_to(moved)
        self.assertEqual(hostler.speak("one").status, 200)
        self.assertEqual(hostler.speak("two").status, 200)
        self.finish(hostler)

    def test_removed_and_taken_by_another(self):
        first = self.new(fake("one")).start()
        text = (first.home / "hostler.toml").read_text()
        shutil.rmtree(first.home)
        second = self.new(fake("one"))
        kept, second.home = second.home, first.home
        second.home.mkdir()
        (second.home / "hostler.toml").write_text(text)
        second.environment["HOSTLER_HOME"] = str(first.home)
        second.start()
        shutil.rmtree(second.home / "run" / "engines")
        error = first.load("one").error
        self.assertIn(f"pid {second.pid}", error["message"])
        first.kill()
        second.home = kept
        second.kill()

    def test_the_second_is_told_who_holds_it(self):
        hostler = self.start(fake("one"))
        self.refuse(hostler.home, f"pid {hostler.pid}", hostler.url)


class Exhaustion(house.Test):
    def test_no_descriptor_for_an_engine(self):
        hostler = self.start(fake("one"))
        open_now = len(os.listdir(f"/proc/{hostler.pid}/fd"))
        limit = subprocess.run(["prlimit", "--pid", str(hostler.pid), "--nofile"], capture_output=True, text=True)
        for more in range(2, 9):
            subprocess.run(["prlimit", "--pid", str(hostler.pid), f"--nofile={open_now + more}:"], check=True)
            answer = hostler.load("one")
            if answer.status != 200:
                self.assert_error(answer, answer.status)
            hostler.unload("one")
        subprocess.run(["prlimit", "--pid", str(hostler.pid), "--nofile=4096:"], check=True)
        self.assertEqual(hostler.load("one").status, 200, limit.stdout)
        self.assertEqual(len(list((hostler.home / "run" / "engines").glob("*"))), 1)  # no socket of a failed start is left


if __name__ == "__main__":
    house.main()
