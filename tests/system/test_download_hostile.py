"""Hubs that want to be written elsewhere, or for ever: refused, with nothing left on the disk."""

import json

import house
from faulty import WEIGHTS, Case, Faults


class Hostile(Faults):
    """A hub that wants to write elsewhere, or for ever."""

    def refused(self, *cases):
        before = sorted(str(path) for path in self.hostler.home.parent.iterdir())
        self.run_all(cases)
        self.assertEqual(sorted(str(path) for path in self.hostler.home.parent.iterdir()), before)

    def listed(self, *entries):
        files = [{"type": "file", "oid": "a" * 40, "size": 1, "path": "f"} | one for one in entries]
        return self.fault("tree", body=json.dumps(files).encode(), times=None)

    def test_names(self):
        names = ["../evil", "/etc/evil", "a/../../evil", "a\\b", "a\0b", "x" * 300, "a\nb", "", ".", "a//b", "a/", "\x7f", 7, None]
        self.refused(*[Case(repr(name)[:30], self.listed({"path": name}), "not_a_hub", "name is not allowed", "HF_ENDPOINT", requests=2) for name in names])

    def test_a_file_that_is_a_folder_too(self):
        self.refused(Case("file and folder", self.listed({"path": "a"}, {"path": "a/b"}), "not_a_hub", "a/b", "HF_ENDPOINT"),
                     Case("far apart", self.listed({"path": "a"}, {"path": "a-b"}, {"path": "a/b"}), "not_a_hub", "a/b", "HF_ENDPOINT"))

    def test_names_that_differ_in_case_only_are_two_files(self):
        self.refused(Case("twins", lambda repo: None, files={"Model.bin": b"one", "model.bin": b"two"}))

    def test_hashes_sizes_and_commits(self):
        huge = 2**63 - 1
        lfs = {"oid": "c" * 64, "size": 2, "pointerSize": 130}
        listings = {
            "etag climbs": ({"oid": "../../../../tmp/" + "a" * 24},), "etag in capitals": ({"oid": "A" * 40},), "etag too short": ({"oid": "a" * 39},),
            "no etag": ({"oid": None},), "sha256 is none": ({"lfs": lfs | {"oid": "z" * 64}},), "two sizes": ({"lfs": lfs},), "negative": ({"size": -1},),
            "size is text": ({"size": "1"},), "size is broken": ({"size": 1.5},), "size is huge": ({"size": 2**64},), "no size": ({"size": None},),
            "twice": ({}, {}),
        }
        self.refused(
            *[Case(name, self.listed(*entries), "not_a_hub", "listing", "HF_ENDPOINT", requests=2) for name, entries in listings.items()],
            Case("the sum overflows", self.listed(*[{"path": str(i), "oid": str(i) * 40, "size": size} for i, size in enumerate((huge, huge, 2))]),
                 "not_a_hub", "size", "HF_ENDPOINT", requests=2),
            *[Case(f"commit {commit}", self.fault("info", body=json.dumps({"sha": commit}).encode(), times=None), "not_a_hub", "commit", "HF_ENDPOINT",
                   requests=1) for commit in ("../../x", "A" * 40, "main", "", None)])

    def test_documents(self):
        self.refused(
            *[Case(f"{place} {body[:8]}", self.fault(place, body=body, times=None), "not_a_hub", "JSON", "HF_ENDPOINT")
              for place in ("info", "tree") for body in (b"", b"{", b"<html>", b"\xff\xfe", b"1", b"[" * 5000)],
            Case("entries that are none", self.fault("tree", body=b"[1]", times=None), "not_a_hub", "no object", "HF_ENDPOINT"))

    def test_listings_that_do_not_end(self):
        page = json.dumps([{"type": "file", "oid": "a" * 40, "size": 1, "path": "f"}]).encode()
        away = f'<{self.hub.cdn_url}/api/next>; rel="next"'
        self.log_in("hf_good")
        self.refused(
            Case("the same names again", self.fault("tree", body=page, endless=True, times=None), "not_a_hub", "twice", "HF_ENDPOINT", requests=3),
            Case("itself", lambda repo: self.hub.fault("tree", repo=repo.id, times=None, body=b"[]", set={
                "Link": f'<{self.hub.url}/api/models/{repo.id}/tree/{repo.head}?recursive=true&expand=false>; rel="next"'}),
                 "not_a_hub", "circle", "HF_ENDPOINT", requests=2),
            Case("round and round", lambda repo: [self.hub.fault("tree", repo=repo.id, body=b"[]", set={
                "Link": f'<{self.hub.url}/api/models/{repo.id}/tree/{repo.head}?page={i % 2}>; rel="next"'}) for i in range(4)],
                 "not_a_hub", "circle", "HF_ENDPOINT"),
            Case("on at another server", self.fault("tree", set={"Link": away}, times=None), "not_a_hub", f"sends us on to {self.hub.cdn_url}",
                 "HF_ENDPOINT", requests=2),
            Case("on at no address", self.fault("tree", set={"Link": '<file:///etc/passwd>; rel="next"'}, times=None), "not_a_hub", "no address", "HF_ENDPOINT"))

    def test_redirects(self):
        def to(where):
            return lambda repo: self.hub.fault("resolve", repo=repo.id, path="w.bin", times=None, status=302, headers={"Location": where(repo)})

        self.log_in("hf_good")
        closed = "http://127.0.0.1:9/w.bin?Signature=secret"
        tasks = self.run_all([
            Case("loop", to(lambda repo: f"/{repo.id}/resolve/{repo.head}/w.bin"), "not_a_hub", "redirects too often", "HF_ENDPOINT"),
            Case("file:", to(lambda repo: "file:///etc/passwd"), "not_a_hub", "no address", "HF_ENDPOINT"),
            Case("ftp:", to(lambda repo: "ftp://127.0.0.1/x"), "not_a_hub", "no address", "HF_ENDPOINT"),
            Case("nowhere", to(lambda repo: ""), "not_a_hub", "no address", "HF_ENDPOINT"),
            Case("line breaks", to(lambda repo: "/x y"), "not_a_hub", "no address", "HF_ENDPOINT"),
        ])
        self.assertEqual(len(tasks), 5)
        repo = self.make({"w.bin": WEIGHTS})
        to(lambda repo: closed)(repo)
        task = self.begin(self.hostler, repo.id)["task_id"]
        house.eventually(lambda: self.task(self.hostler, task)["last_problem"], "a wait")
        self.assertIn("127.0.0.1:9 cannot be reached", self.task(self.hostler, task)["last_problem"])
        self.assertNotIn("Signature", json.dumps(self.task(self.hostler, task)))
        self.hostler.ask("DELETE", "/api/v2/models/tasks/" + task)


if __name__ == "__main__":
    house.main()
