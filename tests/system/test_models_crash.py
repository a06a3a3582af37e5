"""The daemon is killed (SIGKILL) at any moment of a download, a deletion, an undo, a purge or a repair; the next one makes it whole.

    python3 tests/system/test_models_crash.py                              some moments, as in the suite
    python3 tests/system/test_models_crash.py --moments 200 --seed 7       as many as you like, half of them in downloads
    python3 tests/system/test_models_crash.py --seed 7 --only 31           one of them again

A moment is a pause of random length before the signal: the pause is what is tested, nothing is waited for with it.
"""

import argparse
import http.client
import json
import random
import sqlite3
import sys
import time

import fake_hub
import house
import shelves
from shelves import entry, folder_of

OPTIONS = argparse.Namespace(moments=20, seed=1, only=None)
# What a caller sees when the daemon goes away under its request.
GONE = (ConnectionError, http.client.HTTPException, TimeoutError, json.JSONDecodeError)
DOWNLOADS = ("pull", "pull", "pull slowly", "pull more")
REMOVALS = ("delete", "delete at once", "delete a part", "undo", "undo a part", "purge", "repair")


def files(seed):
    """Small and large ones, in folders, one of them empty, two of the same content."""
    some = {f"sub{i % 3}/{i}.json": b'{"number": %d}' % i for i in range(9)}
    return {**some, "twin.json": some["sub1/1.json"], "empty.txt": b"", "model.bin": seed * 40_000, "more/model.bin": seed[::-1] * 90_000}


class Killed(shelves.Test):
    """One daemon, killed and started again on the same home; two models share a repository, another has one of its own."""

    def setUp(self):
        super().setUp()
        self.tiny = files(b"0123456789")
        self.shared = {"config.json": b"{}", "one.bin": b"one" * 50_000, "two.bin": b"two" * 50_000}
        for repo, content in (("org/tiny", self.tiny), ("org/shared", self.shared)):
            repo = self.hub.repo(repo)
            for path, data in content.items():
                repo.add(path, data)
        self.hostler = self.start_with(entry("org/tiny"), entry("one", repository="org/shared", files=["config.json", "one.bin"]),
                                       entry("two", repository="org/shared", files=["config.json", "two.bin"]))
        self.of = {"org/tiny": self.tiny, **{name: {path: self.shared[path] for path in ("config.json", f"{name}.bin")} for name in ("one", "two")}}
        self.references = 0
        self.spans = {}

    # -- the moment --

    def kill_within(self, span, act):
        """Begins `act`, kills the daemon at a random moment of `span` seconds, starts another. Returns act's answer if it got one."""
        acting = house.Background(lambda: self.or_gone(act))
        noting = house.Background(self.note_references)
        time.sleep(self.random.uniform(0, span))
        self.hostler.process.kill()
        self.hostler.process.wait()
        self.hostler.process.stdout.close()
        self.assertEqual(shelves.wrong_in(self.hostler.cache), [], "right after the signal")
        answer, noted = acting.result(), noting.result()
        self.check_database()
        self.hub.heal()
        self.hostler.start()
        self.at_rest()
        kept = {row["name"] for row in self.hostler.get("/api/v2/references").json["references"]}
        self.assertEqual(noted - kept, set(), "references that were answered for are gone")
        return answer

    def or_gone(self, act):
        try:
            return act()
        except GONE:
            return None

    def note_references(self):
        """Writes into the database all the time; returns what the daemon said it had kept."""
        noted = set()
        while True:
            name = f"r{self.references}"
            self.references += 1
            body = {"holder": "crash", "kind": "preference", "name": name, "model_id": "org/elsewhere"}
            answer = self.or_gone(lambda: self.hostler.ask("PUT", "/api/v2/references", body))
            if answer is None:
                return noted
            self.assertEqual(answer.status, 200, answer)
            noted.add(name)

    def check_database(self):
        path = self.hostler.home / "hostler.db"
        if path.exists():
            with sqlite3.connect(path) as database:
                self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            database.close()

    def at_rest(self):
        """All tasks have ended by themselves; returns them by id."""
        tasks = lambda: {task["task_id"]: task for task in self.hostler.get("/api/v2/models/tasks").json["tasks"]}
        house.eventually(lambda: all(task["status"] in shelves.FINISHED for task in tasks().values()), "tasks that are resumed and end")
        return tasks()

    def span(self, what, act):
        """How long it takes when nobody is killed, measured once, and a little more."""
        if what not in self.spans:
            begin = time.perf_counter()
            self.assertIsNotNone(act())
            self.at_rest()
            self.spans[what] = 1.2 * (time.perf_counter() - begin)
        return self.spans[what]

    # -- what must be true --

    def check(self):
        """The cache as Python and the doctor see it, and nothing of ours left lying about."""
        self.assertEqual(shelves.wrong_in(self.hostler.cache), [])
        findings = [one for one in self.hostler.get("/api/v2/models/doctor").json["findings"] if one["trouble"] != "low_space"]
        # A file that was being written under another name; the next download of a minute later takes it away, and the doctor does.
        self.assertEqual([one for one in findings if not one["path"].endswith(".tmp")], [])
        if findings:
            mended = self.hostler.post("/api/v2/models/doctor", {}).json["mended"]
            self.assertEqual([one["error"] for one in mended], [None] * len(findings))
        for repo in ("org/tiny", "org/shared"):
            inside = {path.name for path in folder_of(self.hostler.cache, repo).glob("*")}
            self.assertLessEqual(inside, {"blobs", "refs", "snapshots", "trees", ".no_exist"})
        bin = self.hostler.cache.parent / ".hostler-trash" / self.hostler.cache.name
        items = lambda: {item["id"] for item in self.hostler.get("/api/v2/models/trash").json["items"]}
        # What a killed one was unlinking is unlinked a moment after the start.
        house.eventually(lambda: {path.name for path in bin.glob("*")} - {".lock"} == items(), "a trash without litter")
        for model in self.of:
            row = self.row(self.hostler, model)
            self.assertEqual(row["is_installed"], self.there(model))
            self.assertEqual((self.hostler.home / "models" / model).is_symlink(), row["is_installed"], f"the link of {model}")
        self.assertEqual(list(self.hostler.home.glob("hostler.db*corrupt*")), [])

    def there(self, model):
        """Whether the model's files are there, all and right; false if none is. Anything in between fails."""
        repo = "org/tiny" if model == "org/tiny" else "org/shared"
        wanted = self.of[model]
        found = {path: data for path, data in (shelves.snapshot(self.hostler.cache, repo) or {}).items() if path in wanted}
        if repo == "org/shared" and set(found) == {"config.json"}:
            return False  # the other model's, too
        if found:
            self.assertEqual(found, wanted, f"{model} is half there")
        return bool(found)

    def install(self, model):
        done = self.pull(self.hostler, model)
        self.assertTrue(done is None or done["status"] == "completed", done)
        self.assertTrue(self.there(model))

    def clean(self):
        for model in ("one", "two", "org/tiny"):
            done = self.delete(self.hostler, model, at_once="true")
            self.assertIn(done["status"], ("completed", "not_installed"), done)
        self.hostler.ask("DELETE", "/api/v2/models/trash")

    # -- moments of each kind --

    def moment(self, kind, number):
        self.random = random.Random(f"{OPTIONS.seed} {number}")
        with self.subTest(kind=kind, number=number, seed=OPTIONS.seed):
            getattr(self, kind.split()[0] + "_moment")(kind)
            self.check()
            self.clean()
            self.check()

    def pull_moment(self, kind):
        act = lambda: self.begin(self.hostler, "org/tiny")
        if kind == "pull more":  # another revision over what is there
            self.install("org/tiny")
            path = f"new/{self.random.random()}.bin"
            self.tiny[path] = path.encode() * 20_000
            self.hub.repos["model", "org/tiny"].add(path, self.tiny[path])
            act = lambda: self.begin(self.hostler, "org/tiny", revision=self.hub.repos["model", "org/tiny"].head)
        span = self.span("pull", act) if kind == "pull" else self.spans.get("pull", 0.2)
        if kind == "pull":
            self.clean()
        if kind == "pull slowly":
            self.hub.fault("cdn", times=None, rate=3_000_000)
            span *= 3
        begun = self.kill_within(span, act)
        if begun is not None and begun["task_id"]:
            task = self.task(self.hostler, begun["task_id"])
            self.assertEqual(task["status"], "completed", "a task that was answered for is resumed by itself")
        if kind == "pull more":
            self.assertEqual(self.or_none(self.pull(self.hostler, "org/tiny", revision=self.hub.repos["model", "org/tiny"].head)), "completed")
            self.assertEqual(shelves.snapshot(self.hostler.cache, "org/tiny", self.hub.repos["model", "org/tiny"].head), self.tiny)
            self.clean()
            self.hub.repos["model", "org/tiny"].remove(path)
            del self.tiny[path]
        self.install("org/tiny")

    def or_none(self, done):
        return done["status"] if done else "completed"

    def remove(self, model, **more):
        query = "".join(f"&{name}={value}" for name, value in more.items())
        return self.hostler.ask("DELETE", f"/api/v2/models/cache?model_id={model}&confirm=true{query}")

    def delete_moment(self, kind):
        model = "one" if kind == "delete a part" else "org/tiny"
        more = {"at_once": "true"} if kind == "delete at once" else {}
        act = lambda: self.remove(model, **more)
        self.install("two")
        self.install(model)
        span = self.span(kind, act)
        self.hostler.ask("DELETE", "/api/v2/models/trash")
        self.install(model)
        answer = self.kill_within(span, act)
        there = self.there(model)
        items = [item["model_id"] for item in self.hostler.get("/api/v2/models/trash").json["items"]]
        if answer is not None and answer.json["task_id"]:
            task = self.task(self.hostler, answer.json["task_id"])
            self.assertEqual((task["status"], there), ("completed", False), "a deletion that was answered for is brought to its end")
        self.assertEqual(items, [] if there or more else [model])
        self.assertEqual(shelves.snapshot(self.hostler.cache, "org/shared").get("two.bin"), self.shared["two.bin"])
        self.check()
        if items:
            self.assertEqual(self.hostler.post("/api/v2/models/undo", {"model_id": model}).status, 200)
            self.assertTrue(self.there(model))

    def span_of_removed(self, kind, model, act):
        """The model is in the trash, once, whether `act` had to be measured or not."""
        for _ in range(1 if kind in self.spans else 2):
            self.install(model)
            self.hostler.ask("DELETE", "/api/v2/models/trash")
            self.assertEqual(self.delete(self.hostler, model)["status"], "completed")
            span = self.span(kind, act) if kind not in self.spans else self.spans[kind]
        return span

    def undo_moment(self, kind):
        model = "one" if kind == "undo a part" else "org/tiny"
        act = lambda: self.hostler.post("/api/v2/models/undo", {"model_id": model})
        self.install("two")
        span = self.span_of_removed(kind, model, act)
        answer = self.kill_within(span, act)
        there = self.there(model)
        if answer is not None:
            self.assertEqual((answer.status, there), (200, True))
        items = [item["model_id"] for item in self.hostler.get("/api/v2/models/trash").json["items"]]
        self.assertEqual(items, [] if there else [model])
        if there and not (self.hostler.home / "models" / model).is_symlink():
            self.assertEqual(self.begin(self.hostler, model)["outcome"], "already_installed")  # which links it, too

    def purge_moment(self, kind):
        act = lambda: self.hostler.ask("DELETE", "/api/v2/models/trash")
        span = self.span_of_removed(kind, "org/tiny", act)
        answer = self.kill_within(span, act)
        items = self.hostler.get("/api/v2/models/trash").json["items"]
        if answer is not None:
            self.assertEqual(items, [])
        if items:
            self.assertEqual(self.hostler.post("/api/v2/models/undo", {}).status, 200)
            self.assertTrue(self.there("org/tiny"))

    def repair_moment(self, kind):
        act = lambda: self.hostler.post("/api/v2/models/verify", {"model_id": "org/tiny", "repair": True}).json
        self.install("org/tiny")
        self.damage()
        span = self.span(kind, act)
        if self.snapshot_is_right():
            self.damage()
        begun = self.kill_within_damaged(span, act)
        if begun is not None:
            self.assertEqual(self.task(self.hostler, begun["task_id"])["status"], "completed")
        else:
            self.assertEqual(self.follow(self.hostler, act()["task_id"])[-1]["status"], "completed")
        self.assertTrue(self.snapshot_is_right())
        self.assertEqual(self.hostler.get("/api/v2/models/trash").json["items"], [], "a wrong file that could be brought back")

    def weights(self):
        folder = folder_of(self.hostler.cache, "org/tiny")
        return folder / "snapshots" / (folder / "refs/main").read_text() / "more/model.bin"

    def damage(self):
        weights = self.weights()
        weights.resolve().write_bytes(b"x" * len(self.tiny["more/model.bin"]))

    def snapshot_is_right(self):
        return shelves.snapshot(self.hostler.cache, "org/tiny") == self.tiny

    def kill_within_damaged(self, span, act):
        """The content is wrong on purpose, so that the look right after the signal passes over it."""
        wrong_in = shelves.wrong_in
        shelves.wrong_in = lambda cache: [one for one in wrong_in(cache) if "its content is" not in one]
        try:
            return self.kill_within(span, act)
        finally:
            shelves.wrong_in = wrong_in

    # -- tests --

    def moments(self, kinds, first):
        for number in range(OPTIONS.moments // 2):
            if OPTIONS.only in (None, first + number):
                self.moment(kinds[number % len(kinds)], first + number)

    def test_while_downloading(self):
        self.moments(DOWNLOADS, 0)

    def test_while_removing_undoing_purging_repairing(self):
        self.moments(REMOVALS, 10_000)


class TwoDaemons(shelves.Test):
    """With one database and one cache between them."""

    def setUp(self):
        super().setUp()
        self.hub.repo("org/big").add("big.bin", fake_hub.Pattern(6_000_000))
        self.first = self.new_with(entry("org/big"))
        self.second = self.new_with(entry("org/big"), environment={"HF_HOME": self.first.environment["HF_HOME"],
                                                                   "HOSTLER_DATABASE": str(self.first.home / "hostler.db")})
        self.second.cache = self.first.cache
        for hostler in (self.first, self.second):
            self.addCleanup(self.finish, hostler)
            hostler.start()

    def test_the_other_takes_over_what_a_killed_one_was_downloading(self):
        self.hub.fault("cdn", times=None, rate=1_500_000)
        begun = self.begin(self.first, "org/big")
        house.eventually(lambda: self.task(self.first, begun["task_id"])["bytes_downloaded"] > 1_000_000, "a part of it")
        joined = self.begin(self.second, "org/big")
        self.assertEqual((joined["task_id"], joined["outcome"]), (begun["task_id"], "joined"))
        conflict = self.second.ask("DELETE", "/api/v2/models/cache?model_id=org/big&confirm=true")
        self.assertEqual((conflict.status, conflict.json["active_task_id"]), (409, begun["task_id"]))
        self.first.process.kill()
        self.first.process.wait()
        self.hub.heal()
        self.hub.requests.clear()
        self.assertEqual(self.follow(self.second, begun["task_id"])[-1]["status"], "completed")
        ranges = [one.range for one in self.hub.requests if one.origin == "cdn"]
        self.assertTrue(ranges and all(one and not one.startswith("bytes=0-") for one in ranges), ranges)
        big = fake_hub.Pattern(6_000_000)
        self.assert_sound(self.second, "org/big", {"big.bin": b"".join(big.read(0, big.size))})
        self.first.process.stdout.close()
        self.first.start()
        self.assertEqual(self.task(self.first, begun["task_id"])["status"], "completed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--moments", type=int, default=OPTIONS.moments)
    parser.add_argument("--seed", type=int, default=OPTIONS.seed)
    parser.add_argument("--only", type=int)
    OPTIONS, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    house.main()
