"""A hostler with a hub of its own: what tests of downloads and deletions share.

    class Pulling(shelves.Test):
        def test_it(self):
            self.hub.repo("org/tiny").add("model.bin", b"…")
            hostler = self.start_with(entry("org/tiny"))
            task = self.pull(hostler, "org/tiny")
            self.assertEqual(task["status"], "completed")
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess

import fake_hub
import house

FINISHED = ("completed", "failed", "cancelled", "not_installed")


def entry(id, type="embedding", **more):
    """An entry for models.toml; `engine` may be house.FAKE_ENGINE."""
    return {"id": id, "type": type, **more}


def catalogue(entries):
    lines = []
    for one in entries:
        lines.append("[[model]]")
        lines += [f"{name} = {house.toml(str(value) if isinstance(value, pathlib.Path) else value)}" for name, value in one.items()]
    return "\n".join(lines) + "\n"


def folder_of(cache, repo, kind="models"):
    return cache / (kind + "--" + repo.replace("/", "--"))


def wrong_in(cache):
    """What huggingface_hub would find wrong in a cache, and wrong contents; an empty list if all is well."""
    wrong = []
    for folder in sorted(cache.glob("*--*")) if cache.exists() else []:
        if folder.name.startswith("."):
            continue
        snapshots = folder / "snapshots"
        if not snapshots.is_dir():
            wrong.append(f"{folder.name}: no snapshots")
        for ref in (folder / "refs").rglob("*"):
            if not ref.is_file():
                continue
            text = ref.read_bytes()
            if not re.fullmatch(rb"[0-9a-f]{40}", text):
                wrong.append(f"{ref.relative_to(cache)}: {text!r}")
            elif not (snapshots / text.decode()).is_dir():
                wrong.append(f"{ref.relative_to(cache)}: names a commit without snapshot")
        for path in snapshots.glob("*"):
            if not path.is_dir():
                wrong.append(f"{path.relative_to(cache)}: a file in snapshots")
        for path in snapshots.glob("*/**/*"):
            if path.is_symlink() and os.path.isabs(os.readlink(path)):
                wrong.append(f"{path.relative_to(cache)}: an absolute link")
            if path.is_symlink() and not path.exists():
                wrong.append(f"{path.relative_to(cache)}: a broken link")
        for blob in (folder / "blobs").glob("*"):
            if blob.name.endswith(".incomplete"):
                continue
            data = blob.read_bytes()
            name = hashlib.sha256(data).hexdigest() if len(blob.name) == 64 else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            if name != blob.name:
                wrong.append(f"{blob.relative_to(cache)}: its content is {name}")
    for path in cache.glob("*") if cache.exists() else []:
        if path.name not in (".locks", "CACHEDIR.TAG") and "--" not in path.name:
            wrong.append(f"{path.name}: unknown to huggingface_hub")
    return wrong


def snapshot(cache, repo, revision="main", kind="models"):
    """{path: content} of what a revision names; None if it is not there."""
    folder = folder_of(cache, repo, kind)
    ref = folder / "refs" / revision
    commit = ref.read_text() if ref.exists() else revision
    root = folder / "snapshots" / commit
    if not root.is_dir():
        return None
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class Test(house.Test):
    def setUp(self):
        self.hub = fake_hub.FakeHub(tokens={"hf_good"})
        self.addCleanup(self.hub.close)

    def new_with(self, *entries, models=(), environment=None, **settings):
        hostler = self.new(*models, environment={"HF_ENDPOINT": self.hub.url, **(environment or {})}, **settings)
        if entries:
            (hostler.home / "models.toml").write_text(catalogue(entries))
        return hostler

    def start_with(self, *entries, **more):
        hostler = self.new_with(*entries, **more)
        self.addCleanup(self.finish, hostler)
        return hostler.start()

    def finish(self, hostler):
        if hostler.process is not None and hostler.process.poll() is None:
            super().finish(hostler)

    # -- tasks --

    def begin(self, hostler, model, **more):
        answer = hostler.post("/api/v2/models/download", {"model_id": model, **more})
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def task(self, hostler, task_id):
        answer = hostler.get("/api/v2/models/tasks/" + task_id)
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def follow(self, hostler, task_id):
        """Every state of a task until its end, as its events tell them."""
        states = []
        with hostler.events(f"/api/v2/models/tasks/{task_id}/events") as events:
            while (event := events.next()) is not None:
                states.append(event[2])
        self.assertIn(states[-1]["status"], FINISHED)
        return states

    def pull(self, hostler, model, **more):
        """Downloads, waits, returns how the task ended; None if nothing had to be done."""
        begun = self.begin(hostler, model, **more)
        return self.follow(hostler, begun["task_id"])[-1] if begun["task_id"] else None

    def delete(self, hostler, model, confirm="true", **query):
        text = "".join(f"&{name}={value}" for name, value in query.items())
        answer = hostler.ask("DELETE", f"/api/v2/models/cache?model_id={model}&confirm={confirm}{text}")
        self.assertEqual(answer.status, 200, answer)
        return self.follow(hostler, answer.json["task_id"])[-1] if answer.json["task_id"] else answer.json

    def usage(self, hostler, model, **query):
        text = "".join(f"&{name}={value}" for name, value in query.items())
        answer = hostler.get(f"/api/v2/models/usage?model_id={model}{text}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def row(self, hostler, model):
        return next(row for row in hostler.get("/api/v2/models").json["models"] if row["id"] == model)

    def assert_sound(self, hostler, repo=None, files=None):
        self.assertEqual(wrong_in(hostler.cache), [])
        if repo:
            self.assertEqual(snapshot(hostler.cache, repo), files)

    # -- the command line --

    def cli(self, hostler, *arguments, input=None):
        return subprocess.run([house.HOSTLER, *arguments], env={**hostler.environment, "HOSTLER_HOME": str(hostler.home)}, input=input,
                              capture_output=True, text=True, timeout=house.LONG * 2)

    def json_cli(self, hostler, *arguments):
        done = self.cli(hostler, *arguments, "--json")
        self.assertEqual(done.returncode, 0, done)
        return json.loads(done.stdout)
