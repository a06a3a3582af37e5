"""A crowd that starts downloads and deletions of the same models at the same moment, at one daemon and at two that share everything.

    python3 tests/system/test_models_crowd.py                              a small crowd, as in the suite
    python3 tests/system/test_models_crowd.py --starts 1000 --models 50    the big one
"""

import argparse
import collections
import queue
import random
import sqlite3
import sys
import threading

import house
import shelves
from shelves import entry

OPTIONS = argparse.Namespace(starts=300, models=25, threads=32, seed=1)
DOWNLOAD_OUTCOMES = {"started", "joined", "already_installed"}
DELETE_OUTCOMES = {"started", "joined", "not_installed"}
# A deletion may find, when its turn comes, that there is something else to delete than was shown: then it deletes nothing.
ENDINGS = {"download": {("completed", None)}, "delete": {("completed", None), ("not_installed", None), ("failed", "plan_changed")}}


class Watch:
    """Everything that a daemon's stream of task events tells, until close()."""

    def __init__(self, hostler):
        self.events, self.seen, self.lost = hostler.events("/events?topics=task"), [], 0
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while (event := self.events.next()) is not None:
            if event[0] == "lost":
                self.lost += event[2]["count"]
            elif event[0] == "task":
                self.seen.append(event[2])
                if event[2]["model_id"] == "the/end" and event[2]["status"] in shelves.FINISHED:
                    return

    def close(self):
        self.thread.join(house.LONG)
        self.events.close()


class Crowd(shelves.Test):
    def setUp(self):
        super().setUp()
        self.models = [f"org/m{i}" for i in range(OPTIONS.models)]
        self.content = {}
        for model in [*self.models, "the/end"]:
            repo = self.hub.repo(model)
            self.content[model] = {"config.json": b"{}", "model.bin": model.encode() * 3000}
            for path, data in self.content[model].items():
                repo.add(path, data)

    def daemons(self, count):
        entries = [entry(model) for model in self.content]
        first = self.new_with(*entries)
        share = {"HF_HOME": first.environment["HF_HOME"], "HOSTLER_DATABASE": str(first.home / "hostler.db")}
        daemons = [first] + [self.new_with(*entries, environment=share) for _ in range(count - 1)]
        for hostler in daemons:
            hostler.cache = first.cache
            self.addCleanup(self.finish, hostler)
            hostler.start()
            self.assertEqual(hostler.get("/api/v2/models/tasks").json["tasks"], [])  # the database is there
        return daemons

    def start_one(self, hostler, model, operation, answers):
        if operation == "download":
            answer = hostler.post("/api/v2/models/download", {"model_id": model})
        else:
            answer = hostler.ask("DELETE", f"/api/v2/models/cache?model_id={model}&confirm=true" + operation.removeprefix("delete"))
        answers.append((model, operation.partition("&")[0], answer))

    def check_answer(self, model, operation, answer):
        body = answer.json
        if answer.status == 409:
            kind = body.get("type") or body["error"]["code"]
            self.assertEqual(kind, "cross_op_exclusion", answer)
            return kind
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((body["model_id"], body["operation"]), (model, operation), answer)
        self.assertIn(body["outcome"], DOWNLOAD_OUTCOMES if operation == "download" else DELETE_OUTCOMES)
        self.assertEqual(body["task_id"] is None, body["outcome"] in ("already_installed", "not_installed"), answer)
        return body["outcome"]

    def check_exclusion(self, watches):
        """The runs of a model's tasks, as their daemons told them, do not overlap, whichever operation they were."""
        runs = collections.defaultdict(dict)  # model -> id -> [first seen running, last, operation]
        for watch in watches:
            for task in watch.seen:
                if task["status"] in ("running", *shelves.FINISHED):
                    run = runs[task["model_id"]].setdefault(task["task_id"], [task["updated_at"], task["updated_at"], task["operation"]])
                    run[0], run[1] = min(run[0], task["updated_at"]), max(run[1], task["updated_at"])
        for model, tasks in runs.items():
            ordered = sorted(tasks.values())
            for earlier, later in zip(ordered, ordered[1:]):
                self.assertLessEqual(earlier[1], later[0], f"two tasks of {model} ran at the same time: {ordered}")

    def check_order(self, watch):
        """One daemon's own stream: a model's next task is not begun before the one before is told to have ended."""
        active = {}
        for task in watch.seen:
            before = active.get(task["model_id"])
            if before and before["task_id"] != task["task_id"]:
                self.fail(f"{task['operation']} {task['status']} while {before['operation']} is {before['status']}: {task['model_id']}")
            if task["status"] in shelves.FINISHED:
                active.pop(task["model_id"], None)
            else:
                active[task["model_id"]] = task
        self.assertEqual(active, {})

    def crowd(self, daemons):
        rng = random.Random(OPTIONS.seed)
        for model in self.models[::2]:
            self.assertEqual(self.pull(daemons[0], model)["status"], "completed")
        watches = [Watch(hostler) for hostler in daemons]
        jobs, answers = queue.SimpleQueue(), []
        for _ in range(OPTIONS.starts):
            jobs.put((rng.choice(daemons), rng.choice(self.models), rng.choice(("download", "download", "delete", "delete&at_once=true"))))
        barrier = threading.Barrier(OPTIONS.threads)

        def work():
            barrier.wait()
            while True:
                try:
                    job = jobs.get_nowait()
                except queue.Empty:
                    return
                self.start_one(*job, answers)

        house.in_threads([work] * OPTIONS.threads)
        self.assertEqual(len(answers), OPTIONS.starts)
        outcomes = collections.Counter((operation, self.check_answer(model, operation, answer)) for model, operation, answer in answers)
        for hostler in daemons:
            rest = lambda: all(task["status"] in shelves.FINISHED for task in hostler.get("/api/v2/models/tasks").json["tasks"])
            house.eventually(rest, "an end of all tasks")
        for hostler in daemons:  # what is told after this has been told before it
            self.assertIn((self.pull(hostler, "the/end") or {"status": "completed"})["status"], "completed")
            self.assertIn(self.delete(hostler, "the/end", at_once="true")["status"], "completed")
        return watches, outcomes

    def check_end(self, daemons, watches, outcomes):
        for watch in watches:
            watch.close()
            self.assertEqual(watch.lost, 0)
        for task in [task for watch in watches for task in watch.seen if task["status"] in shelves.FINISHED]:
            self.assertIn((task["status"], task["error_class"]), ENDINGS[task["operation"]], task)
        self.assertTrue(outcomes["download", "started"] and outcomes["delete", "started"], outcomes)
        self.assertEqual(shelves.wrong_in(daemons[0].cache), [])
        there = 0
        for model in self.models:
            found = shelves.snapshot(daemons[0].cache, model)
            self.assertIn(found, (None, self.content[model]))
            there += found is not None
            for hostler in daemons:
                row = self.row(hostler, model)
                self.assertEqual((row["is_installed"], row["active_download_task_id"], row["active_delete_task_id"]), (found is not None, None, None))
        print(f"{len(daemons)} daemon(s), {OPTIONS.starts} starts, {OPTIONS.models} models: "
              f"{ {' '.join(key): count for key, count in sorted(outcomes.items())} }, {there} there in the end", file=sys.stderr)

    def test_one_daemon(self):
        daemons = self.daemons(1)
        watches, outcomes = self.crowd(daemons)
        self.check_end(daemons, watches, outcomes)
        self.check_exclusion(watches)
        self.check_order(watches[0])

    def test_two_daemons_with_one_database_and_one_cache(self):
        daemons = self.daemons(2)
        stop, doubled = threading.Event(), []
        path = daemons[0].home / "hostler.db"

        def look():  # what both go by, seen from outside; the first task makes the file, and then its tables
            question = "SELECT key, count(*) FROM tasks WHERE finished = 0 GROUP BY key HAVING count(*) > 1"
            looks, database = 0, None
            while not stop.wait(0.01):
                try:
                    database = database or sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=house.LONG)
                    doubled.extend(database.execute(question))
                    looks += 1
                except sqlite3.OperationalError:
                    if looks:
                        raise
            self.assertGreater(looks, 0)
            database.close()

        looking = house.Background(look)
        try:
            watches, outcomes = self.crowd(daemons)
        finally:
            stop.set()
            looking.result()
        self.assertEqual(doubled, [])
        self.check_end(daemons, watches, outcomes)
        self.check_exclusion(watches)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    for name, value in vars(OPTIONS).items():
        parser.add_argument("--" + name, type=int, default=value)
    OPTIONS, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    house.main()
