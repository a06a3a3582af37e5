"""Downloads against the limits of the machine: disk, rights, bandwidth, other programs, no network. And what the command line says."""

import fcntl
import json
import os
import pathlib
import subprocess
import time
import unittest

import fake_hub
import house
import shelves
from shelves import entry, folder_of, snapshot

MB = 1 << 20
NOBODY = 65534


def content(file):
    return b"".join(file.content.read(0, file.size))


def blobs(cache, repo):
    return sorted(folder_of(cache, repo).glob("blobs/*"))


class Disk(shelves.Test):
    """A cache on a small file system of its own."""

    def small_disk(self, megabytes):
        folder = pathlib.Path(subprocess.check_output(["mktemp", "-d", "/tmp/hostler-small-disk.XXXXXX"], text=True).strip())
        self.addCleanup(folder.rmdir)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no small disk can be mounted here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", folder], check=True)
        return folder

    def start_on(self, disk, *entries, **more):
        more.setdefault("store__keep_free_mb", 1)
        hostler = self.start_with(*entries, environment={"HF_HUB_CACHE": str(disk / "hub")}, **more)
        hostler.cache = disk / "hub"
        return hostler

    def test_too_little_is_refused_before_a_byte_is_fetched(self):
        disk = self.small_disk(8)
        repo = self.hub.repo("org/big")
        repo.add("w.bin", fake_hub.Pattern(10 * MB))
        hostler = self.start_on(disk, entry("org/big"))
        last = self.pull(hostler, "org/big")
        self.assertEqual((last["status"], last["error_class"], last["bytes_downloaded"]), ("failed", "disk_full", 0), last)
        for word in (str(disk), "are needed", "are free"):
            self.assertIn(word, last["error"])
        self.assertIn("HF_HUB_CACHE", last["remedy"])
        self.assertEqual(self.hub.count("cdn"), 0)
        self.assert_sound(hostler)
        done = self.cli(hostler, "pull", "org/big")
        self.assertEqual(done.returncode, 5, done)
        self.assertRegex(done.stderr, r"hostler: not enough room in .*\n  → .*HF_HUB_CACHE")

    def test_what_a_listing_claims_is_counted_before_it_is_believed(self):
        disk = self.small_disk(8)
        repo = self.hub.repo("org/huge")
        repo.add("w.bin", b"small")
        row = {"type": "file", "oid": "a" * 40, "path": "w.bin", "size": 10**10, "lfs": {"oid": "c" * 64, "size": 10**10, "pointerSize": 130}}
        self.hub.fault("tree", times=None, body=json.dumps([row]).encode())
        hostler = self.start_on(disk, entry("org/huge"))
        last = self.pull(hostler, "org/huge")
        self.assertEqual((last["status"], last["error_class"]), ("failed", "disk_full"), last)
        self.assertEqual(self.hub.count("cdn"), 0)
        self.assertEqual(blobs(hostler.cache, "org/huge"), [])
        self.assert_sound(hostler)

    def test_full_under_way_keeps_what_came_and_goes_on_when_there_is_room(self):
        disk = self.small_disk(8)
        repo = self.hub.repo("org/big")
        repo.add("w.bin", fake_hub.Pattern(5 * MB))
        hostler = self.start_on(disk, entry("org/big"))
        self.hub.fault("cdn", times=1, rate=2 * MB)
        task = self.begin(hostler, "org/big")["task_id"]
        house.eventually(lambda: self.task(hostler, task)["bytes_downloaded"] > MB // 2, "the beginning")
        with open(disk / "somebody-elses", "wb") as other:
            try:
                while other.write(b"x" * 65536):
                    other.flush()
            except OSError:
                pass
        last = self.follow(hostler, task)[-1]
        self.assertEqual((last["status"], last["error_class"]), ("failed", "disk_full"), last)
        self.assertIn(str(disk), last["error"])
        self.assertIn("free", last["error"])
        self.assertTrue(last["remedy"])
        self.assert_sound(hostler)
        self.assertGreater(self.row(hostler, "org/big")["resumable_bytes"], MB // 2)
        (disk / "somebody-elses").unlink()
        self.hub.heal()
        before = self.hub.bytes_sent
        self.assertEqual(self.pull(hostler, "org/big")["status"], "completed")
        self.assertLess(self.hub.bytes_sent - before, 5 * MB)
        self.assert_sound(hostler, "org/big", {"w.bin": content(repo.files["w.bin"])})

    def test_the_trash_is_named_when_it_holds_the_space(self):
        disk = self.small_disk(12)
        self.hub.repo("org/old").add("w.bin", fake_hub.Pattern(6 * MB, seed=1))
        self.hub.repo("org/new").add("w.bin", fake_hub.Pattern(7 * MB, seed=2))
        hostler = self.start_on(disk, entry("org/old"), entry("org/new"))
        self.assertEqual(self.pull(hostler, "org/old")["status"], "completed")
        self.delete(hostler, "org/old")
        last = self.pull(hostler, "org/new")
        self.assertEqual((last["status"], last["error_class"]), ("failed", "disk_full"), last)
        self.assertRegex(last["remedy"], r"6\.\d MB of deleted models.*hostler undo --purge")
        self.assertEqual(self.cli(hostler, "undo", "--purge").returncode, 0)
        self.assertEqual(self.pull(hostler, "org/new")["status"], "completed")
        self.assert_sound(hostler)


    def test_a_disk_that_is_read_only(self):
        disk = self.small_disk(8)
        self.hub.repo("org/tiny").add("w.bin", b"weights")
        hostler = self.start_on(disk, entry("org/tiny"))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        last = self.pull(hostler, "org/tiny")
        self.assertEqual((last["status"], last["error_class"]), ("failed", "permission"), last)
        self.assertIn(str(disk), last["error"])
        self.assertRegex(last["remedy"], "read-only.*writable")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        self.assertEqual(self.pull(hostler, "org/tiny")["status"], "completed")
        self.assert_sound(hostler)


@unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
class Rights(shelves.Test):
    def start_as_nobody(self, cache, *entries):
        hostler = self.new_with(*entries, environment={"HF_HUB_CACHE": str(cache)})
        hostler.cache = cache
        os.chmod(hostler.home.parent, 0o755)
        for path in (hostler.home, *hostler.home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        ordinary = subprocess.Popen
        self.addCleanup(self.finish, hostler)
        try:
            subprocess.Popen = lambda *a, **more: ordinary(*a, **{**more, "user": NOBODY, "group": NOBODY, "extra_groups": []})
            return hostler.start()
        finally:
            subprocess.Popen = ordinary

    def folder(self, mode):
        folder = pathlib.Path(subprocess.check_output(["mktemp", "-d", "/tmp/hostler-rights.XXXXXX"], text=True).strip())
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        os.chmod(folder, mode)
        return folder

    def test_a_cache_that_is_somebody_elses(self):
        repo = self.hub.repo("org/tiny")
        repo.add("w.bin", b"weights" * 1000)
        cache = self.folder(0o755)
        hostler = self.start_as_nobody(cache, entry("org/tiny"))
        last = self.pull(hostler, "org/tiny")
        self.assertEqual((last["status"], last["error_class"]), ("failed", "permission"), last)
        self.assertIn(str(cache), last["error"])
        self.assertIn(str(cache), last["remedy"])
        self.assertRegex(last["error"] + last["remedy"], r"user nobody")
        self.assertEqual(self.hub.count("cdn"), 0)
        self.assertEqual(list(cache.iterdir()), [])
        os.chmod(cache, 0o777)
        self.assertEqual(self.pull(hostler, "org/tiny")["status"], "completed")
        self.assert_sound(hostler, "org/tiny", {"w.bin": b"weights" * 1000})

    def test_a_repository_that_is_somebody_elses(self):
        repo = self.hub.repo("org/tiny")
        repo.add("w.bin", b"weights" * 1000)
        cache = self.folder(0o777)
        (folder_of(cache, "org/tiny") / "snapshots").mkdir(parents=True)
        hostler = self.start_as_nobody(cache, entry("org/tiny"))
        last = self.pull(hostler, "org/tiny")
        self.assertEqual((last["status"], last["error_class"]), ("failed", "permission"), last)
        self.assertIn("models--org--tiny", last["error"])
        self.assertTrue(last["remedy"])
        self.assert_sound(hostler)
        done = self.cli(hostler, "pull", "org/tiny")
        self.assertEqual(done.returncode, 5, done)
        self.assertIn("models--org--tiny", done.stderr)


class Others(shelves.Test):
    """Other programs in the same cache."""

    def setUp(self):
        super().setUp()
        self.repo = self.hub.repo("org/two")
        self.one = self.repo.add("one.bin", fake_hub.Pattern(200_000, seed=1))
        self.two = self.repo.add("two.bin", fake_hub.Pattern(200_000, seed=2))
        self.files = {"one.bin": content(self.one), "two.bin": content(self.two)}

    def hold(self, hostler, file):
        """As filelock does it in Python."""
        path = hostler.cache / ".locks" / "models--org--two" / f"{file.etag}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o664)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def begin_locked(self, hostler):
        lock = self.hold(hostler, self.one)
        task = self.begin(hostler, "org/two")["task_id"]

        def shown():
            states = {file["name"]: file["state"] for file in self.task(hostler, task)["files"]}
            return states == {"one.bin": "locked", "two.bin": "done"}

        house.eventually(shown, "one file locked, the other done")
        self.assertIn("another program is downloading one.bin", " ".join(self.task(hostler, task)["warnings"]))
        return lock, task

    def test_a_lock_is_waited_for(self):
        hostler = self.start_with(entry("org/two"))
        lock, task = self.begin_locked(hostler)
        self.assertEqual(self.hub.count("cdn", "one.bin"), 0)
        os.close(lock)
        last = self.follow(hostler, task)[-1]
        self.assertEqual((last["status"], last["warnings"]), ("completed", []))
        self.assert_sound(hostler, "org/two", self.files)

    def test_what_the_other_program_brought_is_not_fetched_again(self):
        hostler = self.start_with(entry("org/two"))
        lock, task = self.begin_locked(hostler)
        (folder_of(hostler.cache, "org/two") / "blobs" / self.one.etag).write_bytes(self.files["one.bin"])
        os.close(lock)
        self.assertEqual(self.follow(hostler, task)[-1]["status"], "completed")
        self.assertEqual((self.hub.count("cdn", "one.bin"), self.hub.count("cdn", "two.bin")), (0, 1))
        self.assert_sound(hostler, "org/two", self.files)

    def test_a_lock_can_be_waited_for_no_longer(self):
        hostler = self.start_with(entry("org/two"))
        lock, task = self.begin_locked(hostler)
        self.assertEqual(hostler.ask("DELETE", "/api/v2/models/tasks/" + task).json["status"], "cancelled")
        os.close(lock)
        self.assert_sound(hostler)
        self.assertEqual(self.pull(hostler, "org/two")["status"], "completed")
        self.assert_sound(hostler, "org/two", self.files)

    def test_two_daemons_fetch_one_model_once(self):
        self.hub.fault("cdn", times=None, rate=300_000)
        first = self.start_with(entry("org/two"))
        second = self.start_with(entry("org/two"), environment={"HF_HUB_CACHE": str(first.cache)})
        tasks = [(one, self.begin(one, "org/two")["task_id"]) for one in (first, second)]
        self.assertEqual([self.follow(*one)[-1]["status"] for one in tasks], ["completed", "completed"])
        self.assertEqual((self.hub.count("cdn", "one.bin"), self.hub.count("cdn", "two.bin")), (1, 1))
        self.assert_sound(first, "org/two", self.files)
        self.assertTrue(all(self.row(one, "org/two")["is_installed"] for one in (first, second)))


class Bandwidth(shelves.Test):
    LIMIT = 400_000

    def took(self, hostler, pull):
        start = time.monotonic()
        self.assertEqual(pull()["status"], "completed")
        return time.monotonic() - start

    def test_no_faster_than_allowed_together(self):
        for name in ("one", "two"):
            self.hub.repo(f"org/{name}").add("w.bin", fake_hub.Pattern(600_000, seed=len(name) + ord(name[0])))
        hostler = self.start_with(entry("org/one"), entry("org/two"), download__limit="400k")
        start = time.monotonic()
        tasks = [self.begin(hostler, f"org/{name}")["task_id"] for name in ("one", "two")]
        for task in tasks:
            self.assertEqual(self.follow(hostler, task)[-1]["status"], "completed")
        self.assertLess(1_200_000 / (time.monotonic() - start), self.LIMIT * 1.3)
        self.assert_sound(hostler)

    def test_a_limit_counts_from_now_on(self):
        self.hub.repo("org/one").add("w.bin", fake_hub.Pattern(2_000_000))
        hostler = self.start_with(entry("org/one"), download__limit="50k")
        task = self.begin(hostler, "org/one")["task_id"]  # 40 s at this rate
        house.eventually(lambda: self.task(hostler, task)["bytes_downloaded"] > 0, "the first bytes")
        self.assertEqual(self.task(hostler, task)["status"], "running")
        begun = time.monotonic()
        self.assertEqual(self.cli(hostler, "pull", "org/one", "--limit", "off").returncode, 0)
        self.assertLess(time.monotonic() - begun, 20)
        self.assert_sound(hostler)
        self.assertEqual(hostler.get("/api/v2/models/limit").json["bytes_per_second"], 0)


class Shapes(shelves.Test):
    def test_many_small_files_over_many_pages(self):
        self.hub.page_size = 100
        repo = self.hub.repo("org/many")
        repo.files = {f"part/{i // 50}/{i}.txt": fake_hub.File(f"part/{i // 50}/{i}.txt", fake_hub.Bytes(b"%d" % i), False) for i in range(300)}
        repo.commit()
        hostler = self.start_with(entry("org/many"))
        last = self.pull(hostler, "org/many")
        self.assertEqual((last["status"], last["files_done"], last["files_total"]), ("completed", 300, 300))
        self.assertEqual(self.hub.count("hub", "/tree/"), 4)  # 300 files and 7 folders
        self.assertEqual(self.hub.count("hub", "/resolve/"), 300)
        self.assert_sound(hostler, "org/many", {path: content(file) for path, file in repo.files.items()})

    def test_nothing_and_next_to_nothing(self):
        self.hub.repo("org/none").commit()
        self.hub.repo("org/empty").add("empty.txt", b"")
        hostler = self.start_with(entry("org/none"), entry("org/empty"))
        self.assertEqual(self.pull(hostler, "org/empty")["status"], "completed")
        self.assert_sound(hostler, "org/empty", {"empty.txt": b""})
        last = self.pull(hostler, "org/none")
        self.assertEqual((last["status"], last["error_class"]), ("failed", "not_found"), last)
        self.assertIn("has no files", last["error"])
        self.assertTrue(last["remedy"])
        self.assertFalse(self.row(hostler, "org/none")["is_installed"])
        self.assert_sound(hostler)


class Nobody(shelves.Test):
    """No hub to be had."""

    def first_problem(self, endpoint):
        hostler = self.start_with(entry("org/tiny"), environment={"HF_ENDPOINT": endpoint})
        task = self.begin(hostler, "org/tiny")["task_id"]
        found = house.eventually(lambda: [one for one in [self.task(hostler, task)] if one["last_problem"] or one["error"]], "a problem")[0]
        hostler.ask("DELETE", "/api/v2/models/tasks/" + task)
        self.assert_sound(hostler)
        return found

    def test_nobody_listens(self):
        found = self.first_problem("http://127.0.0.1:9")
        self.assertEqual((found["status"], found["error"]), ("running", None))
        self.assertRegex(found["last_problem"], r"127\.0\.0\.1:9 cannot be reached.*firewall")
        self.assertTrue(found["next_attempt_at"])

    def test_a_name_that_nobody_knows(self):
        found = self.first_problem("http://hub.invalid")
        self.assertRegex(found["last_problem"], r"hub\.invalid cannot be resolved.*spelled")

    def test_no_tls_where_tls_was_asked_for(self):
        found = self.first_problem(self.hub.url.replace("http:", "https:"))
        self.assertEqual((found["status"], found["error_class"]), ("failed", "network"), found)
        self.assertIn("no secure connection", found["error"])
        self.assertRegex(found["remedy"], "http:.*clock")

    def test_an_endpoint_that_is_none(self):
        found = self.first_problem("ftp://hub")
        self.assertEqual(found["status"], "failed", found)
        self.assertIn("HF_ENDPOINT", found["error"])

    def test_offline_is_said_and_what_is_there_stays_usable(self):
        self.hub.repo("org/tiny").add("w.bin", b"weights")
        self.hub.repo("org/voice").add("voice.bin", b"voice" * 100)
        entries = (entry("org/tiny"), entry("org/voice", type="tts", engine=house.FAKE_ENGINE, main_file="voice.bin"))
        before = self.start_with(*entries)
        self.pull(before, "org/voice")
        asked = len(self.hub.requests)
        hostler = self.start_with(*entries, environment={"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(before.cache)})
        hostler.cache = before.cache
        last = self.pull(hostler, "org/tiny")
        self.assertEqual((last["status"], last["error_class"]), ("failed", "offline"), last)
        self.assertIn("HF_HUB_OFFLINE", last["error"])
        self.assertIn("HF_HUB_OFFLINE", last["remedy"])
        self.assertEqual(self.begin(hostler, "org/voice")["outcome"], "already_installed")
        self.assertEqual(hostler.speak("org/voice").status, 200)
        self.assertEqual(len(self.hub.requests), asked)
        done = self.cli(hostler, "pull", "org/tiny")
        self.assertEqual(done.returncode, 5, done)
        self.assertRegex(done.stderr, r"hostler: .*HF_HUB_OFFLINE.*\n  → .*HF_HUB_OFFLINE")
        self.assert_sound(hostler)


class CommandLine(shelves.Test):
    def test_a_gated_model(self):
        self.hub.repo("org/gated", gated=True).add("w.bin", b"weights")
        done = self.cli(self.new_with(entry("org/gated")), "pull", "org/gated")
        self.assertEqual(done.returncode, 5, done)
        self.assertRegex(done.stderr, rf"hostler: org/gated is gated.*\n  → Accept the terms at {self.hub.url}/org/gated.*HF_TOKEN")
        as_json = self.cli(self.new_with(entry("org/gated")), "pull", "org/gated", "--json")
        self.assertEqual(json.loads(as_json.stdout.splitlines()[-1])["error"]["code"], "gated", as_json)

    def test_trouble_on_the_way_is_told_and_overcome(self):
        self.hub.repo("org/tiny").add("w.bin", b"weights")
        self.hub.fault("info", status=503, headers={"Retry-After": "1"})
        done = self.cli(self.new_with(entry("org/tiny")), "pull", "org/tiny")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("trying again", done.stderr)
        self.assertIn("503", done.stderr)

    def test_wrong_content(self):
        self.hub.repo("org/tiny").add("w.bin", b"weights")
        self.hub.fault("cdn", wrong=True, times=None)
        done = self.cli(self.new_with(entry("org/tiny")), "pull", "org/tiny")
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, r"hostler: w\.bin .*\n  → ")


if __name__ == "__main__":
    house.main()
