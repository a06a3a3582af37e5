#!/usr/bin/python3
"""Somebody without privileges: the everyday way, homes that are not his, and no room for another process."""

import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import unittest

import house
from house import fake

_, _hard = resource.getrlimit(resource.RLIMIT_NPROC)
MANY = "unlimited" if _hard == resource.RLIM_INFINITY else _hard
HIM = 64123  # nobody in particular; RLIMIT_NPROC counts what runs under a number, so it must be nobody else's


def as_him(*command, processes=None):
    limit = ["prlimit", f"--nproc={processes}"] if processes is not None else []
    return ["setpriv", f"--reuid={HIM}", f"--regid={HIM}", "--clear-groups", "--no-new-privs", *limit, *map(str, command)]


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class OrdinaryUser(house.Test):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hostler-user-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        if subprocess.run(as_him("test", "-x", house.HOSTLER), capture_output=True).returncode != 0:
            self.skipTest("he may not read the build folder")

    def his(self, *models, **settings):
        """A daemon of his, in a home of his."""
        hostler = self.new(*models, **settings)
        for path in (hostler.home.parent, hostler.home, hostler.home / "hostler.toml"):
            os.chown(path, HIM, HIM)
        hostler.environment["HOME"] = str(hostler.home.parent)
        hostler.command = as_him
        self.addCleanup(self.finish, hostler)
        return hostler.start()

    def refuse(self, home, *words, **environment):
        done = subprocess.run(as_him(house.HOSTLER, "serve", "--port", "0", "--home", home), capture_output=True, text=True,
                              env={**house.QUIET, "HOME": str(self.folder), **environment}, timeout=house.LONG)
        self.assertIn(done.returncode, (1, 2), done)
        self.assertIn("→", done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_the_everyday_way(self):
        hostler = self.his(fake("one"), fake("ear", type="stt"))
        self.assertEqual(os.stat(f"/proc/{hostler.pid}").st_uid, HIM)
        wav = hostler.speak("one", response_format="wav")
        self.assertEqual(wav.status, 200, wav)
        mp3 = hostler.speak("espeak", "three", response_format="mp3")
        self.assertEqual(mp3.status, 200, mp3)
        self.assertEqual(hostler.transcribe(wav.body, model="ear").status, 200)
        self.assertEqual(hostler.transcribe(mp3.body, model="ear").status, 200)
        self.assertEqual(hostler.transcribe(wav.body + bytes(2 << 20), model="ear").status, 200)  # by way of tmp
        self.assertTrue(hostler.logs())
        for path in hostler.home.rglob("*"):
            self.assertEqual(path.lstat().st_uid, HIM, path)
            self.assertEqual(path.lstat().st_mode & 0o007 if path.name != "hostler.toml" else 0, 0, path)
        self.assertGreaterEqual(hostler.model("one")["memory_mb"] or 0, 0)

    def test_homes_that_are_not_his(self):
        for owner, mode in ((HIM, 0o500), (HIM, 0o000), (0, 0o755), (0, 0o700), (0, 0o000)):
            with self.subTest(owner=owner, mode=oct(mode)):
                home = self.folder / f"home-{owner}-{mode}"
                home.mkdir()
                os.chown(home, owner, owner)
                home.chmod(mode)
                self.refuse(home, str(home), "rights")
                self.assertEqual(list(home.iterdir()), [])

    def test_a_home_that_cannot_be_made(self):
        (self.folder / "roots").mkdir(mode=0o755)
        self.refuse(self.folder / "roots" / "his", str(self.folder / "roots" / "his"), "rights")

    def test_folders_inside_that_are_not_his(self):
        for name in ("run", "run/engines", "crashes", "tmp"):
            for mode in (0o755, 0o700):
                with self.subTest(name=name, mode=oct(mode)):
                    home = self.folder / ("home-" + name.replace("/", "-") + oct(mode))
                    (home / name).mkdir(parents=True)
                    for path in [home, *home.rglob("*")]:
                        os.chown(path, HIM, HIM)
                    os.chown(home / name, 0, 0)
                    (home / name).chmod(mode)
                    self.refuse(home, str(home / name), "rights")

    def test_files_that_are_not_his(self):
        home = self.folder / "home"
        (home / "run").mkdir(parents=True)
        for path in (home, home / "run"):
            os.chown(path, HIM, HIM)
        (home / "run" / "lock").write_text("")
        (home / "run" / "lock").chmod(0o600)
        self.refuse(home, str(home / "run" / "lock"), "rights")
        (home / "run" / "lock").unlink()
        (home / "hostler.toml").write_text("")
        (home / "hostler.toml").chmod(0o600)
        self.refuse(home, str(home / "hostler.toml"), "permissions")

    def test_tmp_that_becomes_anothers(self):
        hostler = self.his(fake("ear", type="stt"))
        wav = hostler.speak("espeak", "three", response_format="wav").body
        os.chown(hostler.home / "tmp", 0, 0)
        error = self.assert_error(hostler.transcribe(wav + bytes(2 << 20), model="ear"), 503)
        self.assertIn(str(hostler.home / "tmp"), error["message"])
        self.assertEqual(hostler.transcribe(wav, model="ear").status, 200)  # fits into memory
        os.chown(hostler.home / "tmp", HIM, HIM)
        self.assertEqual(hostler.transcribe(wav + bytes(2 << 20), model="ear").status, 200)

    def test_no_room_for_another_process(self):
        hostler = self.his(fake("one"), fake("two"))
        self.assertEqual(hostler.load("one").status, 200)
        descriptors = len(os.listdir(f"/proc/{hostler.pid}/fd"))
        subprocess.run(as_him("prlimit", "--pid", hostler.pid, "--nproc=1:"), check=True)
        for _ in range(5):
            error = self.assert_error(hostler.load("two"), 503)
            self.assertIn("hostler-engine-fake", error["message"])
            self.assertIn("ulimit -u", error["remedy"])
            self.assertEqual(hostler.speak("one").status, 200)  # who is there goes on
        self.assertEqual(len(list((hostler.home / "run" / "engines").iterdir())), 1)
        house.eventually(lambda: len(os.listdir(f"/proc/{hostler.pid}/fd")) <= descriptors + 4, "the descriptors to be closed")
        subprocess.run(as_him("prlimit", "--pid", hostler.pid, f"--nproc={MANY}:"), check=True)
        self.assertEqual(hostler.load("two").status, 200)
        self.assertEqual(hostler.speak("two").status, 200)

    def test_an_engine_that_finds_no_room_for_its_threads(self):
        hostler = self.his(fake("one"))
        hostler.get("/live")
        tasks = len(os.listdir(f"/proc/{hostler.pid}/task"))
        for more in range(1, 8):
            subprocess.run(as_him("prlimit", "--pid", hostler.pid, f"--nproc={tasks + more}:"), check=True)
            answer = hostler.load("one")
            if answer.status != 200:
                self.assert_error(answer, answer.status)
                self.assertIn(answer.status, (500, 502, 503), answer)
            hostler.unload("one")
        subprocess.run(as_him("prlimit", "--pid", hostler.pid, f"--nproc={MANY}:"), check=True)
        self.assertEqual(hostler.load("one").status, 200)
        self.assertEqual(len(house.processes_of(hostler.home)), 1)

    def test_no_room_for_its_own_threads(self):
        hostler = self.new(fake("one"))
        for path in (hostler.home.parent, hostler.home, hostler.home / "hostler.toml"):
            os.chown(path, HIM, HIM)
        for processes in (1, 2, 3):  # of the four that must be there; pools do with fewer
            done = subprocess.run(as_him(house.HOSTLER, "serve", "--port", "0", "--home", hostler.home, processes=processes), capture_output=True, text=True,
                                  env={**house.QUIET, "HOME": str(self.folder)}, timeout=house.LONG)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("→", done.stderr)
            self.assertIn("ulimit -u", done.stderr)


if __name__ == "__main__":
    house.main()
