"""Everything that can go wrong between the hub and the disk: what the task says, what lies on the disk, and how it goes on afterwards."""

import re
import time

import fake_hub
import house
from faulty import CONFIG, WEIGHTS, Case, Faults, content
from shelves import folder_of


class Refused(Faults):
    """What the hub does not give, and will not give if asked again."""

    def test_without_a_token(self):
        page = re.escape(self.hub.url) + r"/org/m\d+"

        def gate(repo, on=True):
            repo.gated = on

        self.run_all([
            Case("gated", gate, "gated", "org/m.* is gated", rf"{page}.*HF_TOKEN.*hf auth login", mends=lambda repo: gate(repo, False)),
            Case("gated and masked", lambda repo: (gate(repo), setattr(repo, "masked", True)), "gated", "is gated", page, requests=3, again=4,
                 mends=lambda repo: (gate(repo, False), setattr(repo, "masked", False))),
            Case("private", lambda repo: setattr(repo, "private", True), "not_found", "or it is private", "HF_TOKEN", requests=1,
                 mends=lambda repo: setattr(repo, "private", False), again=4),
            Case("missing", lambda repo: self.hub.repos.pop(("model", repo.id)), "not_found", r"no repository org/m\d+ at http", "name",
                 requests=1, mends=lambda repo: self.hub.repos.update({("model", repo.id): repo})),
            Case("disabled", lambda repo: setattr(repo, "disabled", True), "disabled", "disabled", "another model", requests=1,
                 mends=lambda repo: setattr(repo, "disabled", False)),
            Case("no such revision", lambda repo: None, "not_found", "no revision v9", page, pull={"revision": "v9"}, requests=1, again=4),
            Case("a file vanished", self.fault("resolve", path="w.bin", times=None, status=404, code="EntryNotFound", message="Entry not found"),
                 "not_found", "no file w.bin", page),
            Case("forbidden", self.fault("info", times=None, status=403, message="no"), "unauthorized", "does not allow it: no", "HF_TOKEN"),
            Case("gone", self.fault("info", times=None, status=410), "not_a_hub", "answered 410", "HF_ENDPOINT", requests=1),
        ])

    def test_with_a_token(self):
        self.log_in("hf_good")
        message = "Your request to access model org/x is awaiting a review."
        self.run_all([
            Case("not granted", lambda repo: setattr(repo, "gated", True), "gated", "not in the authorized list", "Accept the terms at http",
                 mends=lambda repo: repo.allowed.add("hf_good")),
            Case("pending", self.fault("resolve", times=None, status=403, code="GatedRepo", message=message), "gated", re.escape(message), "granted"),
            Case("missing", lambda repo: self.hub.repos.pop(("model", repo.id)), "not_found", "no repository", "the token needs access", requests=1,
                 mends=lambda repo: self.hub.repos.update({("model", repo.id): repo})),
        ])

    def test_a_bad_token_is_told_and_not_left_out(self):
        self.log_in("hf_bad")
        self.run_all([Case("bad token", lambda repo: None, "unauthorized", "does not accept the token", "HF_TOKEN", requests=1,
                           mends=lambda repo: self.log_in(""))])

    def test_a_renamed_repository_keeps_its_asked_name(self):
        repo = self.make({"config.json": CONFIG, "w.bin": WEIGHTS})
        asked = repo.id
        self.hub.rename(asked, "org/elsewhere")
        self.log_in("hf_good")
        self.assertEqual(self.pull(self.hostler, asked)["status"], "completed")
        self.assert_sound(self.hostler, asked, {"config.json": CONFIG, "w.bin": content(repo.files["w.bin"])})
        self.assertFalse(folder_of(self.hostler.cache, "org/elsewhere").exists())

    def test_masked_hashes_are_asked_for_one_by_one(self):
        repo = self.make({"config.json": CONFIG, "w.bin": WEIGHTS, "left.txt": b"not wanted"})
        repo.masked = True
        self.hub.requests.clear()
        self.assertEqual(self.pull(self.hostler, repo.id, exclude=["*.txt"])["status"], "completed")
        self.assertEqual([r.method for r in self.asked(repo.id)].count("HEAD"), len(repo.files))
        self.assert_sound(self.hostler)

    def test_warnings_of_the_hub_are_shown_once(self):
        repo = self.make({"config.json": CONFIG})
        self.hub.fault("info", repo=repo.id, set={"X-HF-Warning": "Deprecation; this repository moves"})
        self.hub.fault("tree", repo=repo.id, set={"X-HF-Warning": "Deprecation; this repository moves"})
        self.assertEqual(self.pull(self.hostler, repo.id)["warnings"], ["this repository moves"])


class Transient(Faults):
    """What gets better by itself: seen as a wait, then all is well, and nothing is fetched twice."""

    def test_the_hub_is_busy_or_broken(self):
        soon = {"Retry-After": "0"}
        used_up = {"RateLimit": '"api";r=0;t=0'}
        statuses = [(place, status) for place in ("info", "tree", "resolve", "cdn") for status in (500, 502, 503, 504)]
        self.run_all([
            *[Case(f"{status} of {place}", self.fault(place, status=status, headers=soon), requests=5) for place, status in statuses],
            Case("429 with Retry-After", self.fault("info", status=429, headers=soon), requests=5),
            Case("429 with RateLimit", self.fault("tree", status=429, headers=used_up), requests=5),
            Case("429 without either", self.fault("resolve", path="w.bin", status=429), requests=5),
            Case("429 from the CDN", self.fault("cdn", status=429, headers=soon), requests=5),
            Case("408", self.fault("info", status=408, headers=soon), requests=5),
        ])

    def test_the_connection_breaks(self):
        half = 200_000
        cases = [
            Case("reset info", self.fault("info", reset_after=0), requests=5),
            Case("reset tree", self.fault("tree", reset_after=0), requests=5),
            Case("silent info", self.fault("info", hang=True), requests=5),
            Case("reset in mid-body", self.fault("cdn", reset_after=half)),
            Case("truncated", self.fault("cdn", truncate_after=half)),
            Case("stalled", self.fault("cdn", stall_after=half)),
            Case("stalled before the head", self.fault("cdn", hang=True)),
            Case("twice", self.fault("cdn", truncate_after=half // 4, times=2)),
            Case("slow", self.fault("cdn", rate=200_000)),  # longer than the time-out in all, but never silent for so long
        ]
        self.hub.requests.clear()
        self.run_all(cases)

    def test_what_came_is_kept_and_the_rest_asked_for(self):
        repo = self.make({"w.bin": WEIGHTS})
        self.hub.fault("cdn", repo=repo.id, reset_after=150_000)
        self.hub.fault("cdn", repo=repo.id, truncate_after=100_000)
        self.hub.requests.clear()
        before = self.hub.bytes_sent
        self.assertEqual(self.pull(self.hostler, repo.id)["status"], "completed")
        ranges = [r.range for r in self.hub.requests if r.origin == "cdn"]
        starts = [int(re.match(r"bytes=(\d+)-", one)[1]) if one else 0 for one in ranges]
        self.assertEqual((len(starts), starts), (3, sorted(set(starts))))
        self.assertEqual(starts[2] - starts[1], 100_000)
        self.assertLessEqual(self.hub.bytes_sent - before, WEIGHTS.size + 150_000)
        self.assert_sound(self.hostler, repo.id, {"w.bin": content(repo.files["w.bin"])})

    def test_ranges_that_are_not_what_was_asked_for(self):
        self.run_all([
            Case("ignored", lambda repo: (self.hub.fault("cdn", repo=repo.id, truncate_after=100_000),
                                          self.hub.fault("cdn", repo=repo.id, ignore_range=True, times=None))),
            Case("shifted", lambda repo: (self.hub.fault("cdn", repo=repo.id, truncate_after=100_000),
                                          self.hub.fault("cdn", repo=repo.id, shift_range=7))),
            Case("refused (416)", lambda repo: (self.hub.fault("cdn", repo=repo.id, truncate_after=100_000),
                                                self.hub.fault("cdn", repo=repo.id, status=416))),
            Case("refused always", lambda repo: (self.hub.fault("cdn", repo=repo.id, truncate_after=100_000),
                                                 self.hub.fault("cdn", repo=repo.id, status=416, times=None)),
                 "network", "w.bin", "."),
        ])

    def test_an_address_that_expires_in_mid_file_is_asked_for_again(self):
        repo = self.make({"w.bin": fake_hub.Pattern(3_000_000)})
        self.hub.fault("cdn", repo=repo.id, stall_after=1_000_000)
        task = self.begin(self.hostler, repo.id)["task_id"]
        house.eventually(lambda: self.task(self.hostler, task)["bytes_downloaded"] >= 900_000, "the first part")
        self.hub.expire()
        last = self.follow(self.hostler, task)[-1]
        self.assertEqual((last["status"], last["error"]), ("completed", None))
        self.assertIn(403, [r.status for r in self.hub.requests if r.origin == "cdn"])
        self.assertEqual(len([r for r in self.asked(repo.id) if "/resolve/" in r.path]), 2)
        self.assert_sound(self.hostler, repo.id, {"w.bin": content(repo.files["w.bin"])})

    def test_waiting_is_visible_and_cancelling_cuts_it_short(self):
        repo = self.make({"w.bin": WEIGHTS})
        self.hub.fault("tree", repo=repo.id, status=503, times=None, headers={"Retry-After": "100"})
        task = self.begin(self.hostler, repo.id)["task_id"]
        house.eventually(lambda: self.task(self.hostler, task)["next_attempt_at"], "a wait")
        shown = self.task(self.hostler, task)
        self.assertEqual((shown["status"], shown["attempt"], shown["error"]), ("running", 1, None))
        self.assertIn("503", shown["last_problem"])
        self.assertTrue(60 < shown["next_attempt_at"] - time.time() <= 100, shown)
        gone = self.hostler.ask("DELETE", "/api/v2/models/tasks/" + task).json
        self.assertEqual((gone["status"], gone["next_attempt_at"], gone["attempt"]), ("cancelled", None, 1))
        self.assert_sound(self.hostler)
        self.hub.heal()
        self.assertEqual(self.pull(self.hostler, repo.id)["status"], "completed")

    def test_nobody_waits_longer_than_five_minutes(self):
        repo = self.make({"w.bin": WEIGHTS})
        self.hub.fault("info", repo=repo.id, status=429, times=None, headers={"Retry-After": "99999"})
        task = self.begin(self.hostler, repo.id)["task_id"]
        house.eventually(lambda: self.task(self.hostler, task)["next_attempt_at"], "a wait")
        self.assertLessEqual(self.task(self.hostler, task)["next_attempt_at"] - time.time(), 300)
        self.hostler.ask("DELETE", "/api/v2/models/tasks/" + task)

    def test_eight_failures_without_progress_are_enough(self):
        soon = {"Retry-After": "0"}
        tasks = self.run_all([
            Case("info", self.fault("info", status=503, times=None, headers=soon), "network", "answered 503", "later", requests=8),
            Case("tree", self.fault("tree", status=500, times=None, headers=soon), "network", "answered 500", "later", requests=9),
            Case("resolve", self.fault("resolve", path="w.bin", status=502, times=None, headers=soon), "network", "answered 502", "later"),
            Case("cdn", self.fault("cdn", status=503, times=None, headers=soon), "network", "answered 503", "later"),
            Case("limited", self.fault("info", status=429, times=None, headers=soon), "rate_limited", "too many requests", "HF_TOKEN", requests=8),
        ])
        self.assertEqual(tasks["info"]["attempt"], 8)

    def test_progress_in_between_starts_the_count_again(self):
        repo = self.make({"w.bin": fake_hub.Pattern(1_000_000)})
        soon = {"Retry-After": "0"}
        for _ in range(3):
            self.hub.fault("cdn", repo=repo.id, status=503, times=6, headers=soon)
            self.hub.fault("cdn", repo=repo.id, truncate_after=250_000)
        self.assertEqual(self.pull(self.hostler, repo.id)["status"], "completed")
        self.assert_sound(self.hostler)


class Wrong(Faults):
    """Content that is not what was listed."""

    def test_once_is_recovered_and_always_is_named(self):
        lists = "w.bin"
        self.run_all([
            Case("wrong once", self.fault("cdn", wrong=True)),
            Case("wrong once, small", self.fault("cache", wrong=True)),
            Case("wrong always", self.fault("cdn", wrong=True, times=None), "corrupt", lists, "hub", again=3),
            Case("wrong always, small", self.fault("cache", wrong=True, times=None), "corrupt", "config.json", "hub"),
            Case("longer once", self.fault("cdn", grow=100)),
            Case("longer always", self.fault("cdn", grow=100, times=None), "corrupt", lists, "hub"),
            Case("shorter once", self.fault("cdn", grow=-100)),
            Case("shorter always", self.fault("cdn", grow=-100, times=None), "corrupt", lists, "hub"),
            Case("another commit", self.fault("resolve", path="w.bin", set={"X-Repo-Commit": "a" * 40}, times=None), "corrupt", "w.bin.*commit", "hub"),
            Case("another hash", self.fault("resolve", path="w.bin", set={"X-Linked-ETag": f'"{"b" * 64}"'}, times=None), "corrupt", "w.bin", "hub"),
            Case("another size", self.fault("resolve", path="w.bin", set={"X-Linked-Size": "7"}, times=None), "corrupt", "w.bin.*400000.*7", "hub"),
            Case("no commit", self.fault("resolve", path="w.bin", set={"X-Repo-Commit": None}, times=None), "not_a_hub", "w.bin", "HF_ENDPOINT"),
            Case("compressed", self.fault("cdn", set={"Content-Encoding": "gzip"}, times=None), "corrupt", "w.bin.*compressed", "."),
        ])

    def test_a_revision_that_moves_is_not_mixed(self):
        repo = self.make({"a.bin": WEIGHTS, "b.txt": b"old"})
        first = repo.head
        self.hub.fault("cdn", repo=repo.id, stall_after=100_000)
        task = self.begin(self.hostler, repo.id)["task_id"]
        house.eventually(lambda: self.task(self.hostler, task)["bytes_downloaded"] > 0, "the first bytes")
        repo.add("b.txt", b"new")
        self.assertEqual(self.follow(self.hostler, task)[-1]["status"], "completed")
        self.assert_sound(self.hostler, repo.id, {"a.bin": content(repo.files["a.bin"]), "b.txt": b"old"})
        self.assertEqual((folder_of(self.hostler.cache, repo.id) / "refs/main").read_text(), first)

    def test_a_revision_that_moved_between_two_attempts_keeps_what_is_the_same(self):
        repo = self.make({"a.bin": WEIGHTS, "b.txt": b"old"})
        self.hub.fault("cdn", repo=repo.id, truncate_after=100_000)
        self.hub.fault("cdn", repo=repo.id, status=403, times=None, headers={"Retry-After": "0"})
        self.assertEqual(self.pull(self.hostler, repo.id)["status"], "failed")
        self.assertGreaterEqual(self.row(self.hostler, repo.id)["resumable_bytes"], 100_000)
        self.hub.heal()
        repo.add("b.txt", b"new")
        before = self.hub.bytes_sent
        self.assertEqual(self.pull(self.hostler, repo.id)["status"], "completed")
        self.assertLessEqual(self.hub.bytes_sent - before, WEIGHTS.size - 100_000 + 3)
        self.assert_sound(self.hostler, repo.id, {"a.bin": content(repo.files["a.bin"]), "b.txt": b"new"})


if __name__ == "__main__":
    house.main()
