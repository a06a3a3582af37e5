"""What tests of faulty and hostile hubs share: pulls with a fault each, looks at what came of them, and pulls again without.

One daemon and one hub for all tests of a class; each fault has a repository of its own, and those of one test are under way at the
same time.
"""


import json
import re

import fake_hub
import house
import shelves
from shelves import entry, folder_of, snapshot

CONFIG = b'{"a": 1}'
WEIGHTS = fake_hub.Pattern(400_000)
PLACES = 80
SIGNED = re.compile(r"Signature=|Policy=|hf_good|hf_bad")


def content(file):
    return b"".join(file.content.read(0, file.size))


class Case:
    """One fault and what should come of it. `sets(repo)` makes it; `mends(repo)` takes it away, besides hub.heal()."""

    def __init__(self, name, sets, error_class=None, says="", remedy="", requests=None, again=None, mends=lambda repo: None,
                 files=None, pull=None):
        self.name, self.sets, self.mends, self.pull = name, sets, mends, pull or {}
        self.error_class, self.says, self.remedy = error_class, says, remedy
        self.requests, self.again = requests, again
        self.files = {"config.json": CONFIG, "w.bin": WEIGHTS} if files is None else files


class Faults(shelves.Test):
    environment = {"HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HUB_ETAG_TIMEOUT": "1"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hub = fake_hub.FakeHub(tokens={"hf_good"})
        cls.addClassCleanup(cls.hub.close)
        cls.hostler = house._new_hostler((), {"HF_ENDPOINT": cls.hub.url, **cls.environment}, {})
        cls.addClassCleanup(house._finish, cls.hostler)
        cls._shared.append(cls.hostler)
        (cls.hostler.home / "models.toml").write_text(shelves.catalogue([entry(f"org/m{i}") for i in range(PLACES)]))
        cls.hostler.start()
        cls.used = 0

    def setUp(self):
        self.log_in("")
        self.hub.heal()

    def tearDown(self):
        self.hub.heal()
        self.assertEqual(self.hub.leaked(), [])
        self.assertEqual([line for line in self.hostler.stderr().splitlines() if SIGNED.search(line)], [])
        self.assertEqual([row["message"] for row in self.hostler.logs() if SIGNED.search(row["message"])], [])

    def log_in(self, token):
        """As `hf auth login` does: the daemon reads the file at each request."""
        path = self.hostler.cache.parent / "token"
        path.parent.mkdir(exist_ok=True)
        path.write_text(token + "\n")

    def make(self, files):
        cls = type(self)
        repo = self.hub.repo(f"org/m{cls.used}")
        cls.used += 1
        for path, data in files.items():
            repo.add(path, data)
        return repo

    def asked(self, repo):
        """Requests about a repository, its redirects' targets not counted."""
        with self.hub.lock:
            return [r for r in self.hub.requests if re.search(rf"/{repo}(/|$)", r.path) and r.origin == "hub" and "resolve-cache" not in r.path]

    def assert_state(self, case, repo, task):
        row = self.row(self.hostler, repo)
        self.assertEqual(row["active_download_task_id"], None)
        if task["status"] == "completed":
            self.assertEqual((row["is_installed"], row["resumable_bytes"]), (True, 0))
            self.assertEqual(list(folder_of(self.hostler.cache, repo).glob("blobs/*.incomplete")), [])
            return
        self.assertEqual(row["is_installed"], False)
        self.assertEqual([path for path in folder_of(self.hostler.cache, repo).glob("refs/**/*") if path.is_file()], [])
        blobs = list(folder_of(self.hostler.cache, repo).glob("blobs/*"))
        # What the disk was asked for before the end may come a moment after it.
        house.eventually(lambda: self.row(self.hostler, repo)["resumable_bytes"] == sum(path.stat().st_size for path in blobs),
                         f"{repo} to show what is there of it")
        if task["error_class"] == "corrupt":
            named = next(file for path, file in self.hub.repos["model", repo].files.items() if path in task["error"])
            self.assertEqual([path for path in blobs if path.name.startswith(named.etag) and path.stat().st_size > 0], [])

    def run_all(self, cases):
        """Pulls all with their faults, and once more without."""
        repos = {case.name: self.make(case.files) for case in cases}
        ids = {name: repo.id for name, repo in repos.items()}
        for case in cases:
            case.sets(repos[case.name])
        begun = {case.name: self.begin(self.hostler, ids[case.name], **case.pull)["task_id"] for case in cases}
        states = {case.name: self.follow(self.hostler, begun[case.name]) for case in cases}
        tasks = {name: seen[-1] for name, seen in states.items()}
        for case in cases:
            with self.subTest(case.name):
                task = tasks[case.name]
                self.assertEqual((task["status"], task["error_class"]), ("failed" if case.error_class else "completed", case.error_class), task)
                self.assertRegex(task["error"] or "", case.says or "^")
                self.assertRegex(task["remedy"] or "", case.remedy or "^")
                self.assertTrue(task["remedy"] or not case.error_class, task)
                self.assertFalse(SIGNED.search(json.dumps(states[case.name])), task)
                if case.requests is not None:
                    self.assertEqual(len(self.asked(ids[case.name])), case.requests, self.asked(ids[case.name]))
                self.assert_state(case, ids[case.name], task)
        self.assert_sound(self.hostler)
        self.hub.heal()
        for case in cases:
            case.mends(repos[case.name])
        self.hub.requests.clear()
        begun = {case.name: self.begin(self.hostler, ids[case.name])["task_id"] for case in cases if case.error_class}
        for case in cases:
            with self.subTest(case.name, after="healed"):
                if case.name in begun:
                    done = self.follow(self.hostler, begun[case.name])[-1]
                    self.assertEqual((done["status"], done["error"]), ("completed", None), done)
                    if case.again is not None:
                        self.assertEqual(len(self.asked(ids[case.name])), case.again, self.asked(ids[case.name]))
                self.assertEqual(snapshot(self.hostler.cache, ids[case.name]), {path: content(file) for path, file in repos[case.name].files.items()})
        self.assert_sound(self.hostler)
        return tasks

    def fault(self, place, **more):
        return lambda repo: self.hub.fault(place, repo=repo.id, **more)
