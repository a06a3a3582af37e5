"""Models on disk: the catalogue, downloading, deleting, undoing, over the API and the command line."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import fake_hub
import house
import shelves
from shelves import entry, folder_of, snapshot

TINY = {"config.json": b'{"a": 1}', "sub/deep/notes.txt": b"hello\n", "model.bin": b"weights" * 5000, "empty.txt": b""}


class Pull(shelves.Test):
    def setUp(self):
        super().setUp()
        self.repo = self.hub.repo("org/tiny")
        for path, data in TINY.items():
            self.repo.add(path, data)

    def test_a_model_arrives_whole_and_python_would_accept_it(self):
        hostler = self.start_with(entry("org/tiny"))
        begun = self.begin(hostler, "org/tiny")
        self.assertEqual((begun["model_id"], begun["operation"], begun["outcome"]), ("org/tiny", "download", "started"))
        states = self.follow(hostler, begun["task_id"])
        last = states[-1]
        self.assertEqual((last["status"], last["error"], last["error_class"]), ("completed", None, None))
        total = sum(map(len, TINY.values()))
        self.assertEqual((last["bytes_downloaded"], last["bytes_total"], last["files_done"], last["files_total"]), (total, total, 4, 4))
        self.assert_sound(hostler, "org/tiny", TINY)
        folder = folder_of(hostler.cache, "org/tiny")
        self.assertEqual((folder / "refs/main").read_bytes(), self.repo.head.encode())
        self.assertTrue((folder / "trees" / f"{self.repo.head}.json").exists())
        self.assertTrue((hostler.cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55"))
        self.assertEqual(list(folder.glob("blobs/*.incomplete")), [])
        row = self.row(hostler, "org/tiny")
        self.assertEqual((row["is_installed"], row["state"], row["resumable_bytes"], row["active_download_task_id"]), (True, "downloaded", 0, None))
        self.assertEqual((hostler.home / "models/org/tiny").resolve(), (folder / "snapshots" / self.repo.head).resolve())

    def test_one_request_for_each_file_and_nothing_the_second_time(self):
        hostler = self.start_with(entry("org/tiny"))
        self.pull(hostler, "org/tiny")
        gets = [one for one in self.hub.requests if one.method == "GET"]
        self.assertEqual(len([one for one in self.hub.requests if one.method == "HEAD"]), 0)
        # info, tree, and per file the hub's answer with its redirect
        self.assertLessEqual(len(gets), 2 + 2 * 4)
        before = len(self.hub.requests)
        again = self.begin(hostler, "org/tiny")
        self.assertEqual((again["task_id"], again["status"], again["outcome"]), (None, "completed", "already_installed"))
        self.assertEqual(len(self.hub.requests), before)

    def test_what_somebody_else_fetched_is_not_fetched_again(self):
        hostler = self.start_with(entry("org/tiny"))
        self.pull(hostler, "org/tiny")
        self.repo.add("new.txt", b"new")
        self.hub.requests.clear()
        done = self.pull(hostler, "org/tiny", revision=self.repo.head)
        self.assertEqual(done["status"], "completed")
        self.assertEqual([one.path.rsplit("/", 1)[1] for one in self.hub.requests if "/resolve/" in one.path], ["new.txt"])

    def test_patterns_choose_files(self):
        hostler = self.start_with(entry("org/tiny", files=["*.json", "*.txt"], exclude=["empty*"]))
        self.assertEqual(self.pull(hostler, "org/tiny")["files_total"], 2)
        self.assertEqual(set(snapshot(hostler.cache, "org/tiny")), {"config.json", "sub/deep/notes.txt"})
        self.assertTrue(self.row(hostler, "org/tiny")["is_installed"])
        self.assertEqual(self.pull(hostler, "org/tiny", include=["model.bin"])["files_total"], 1)

    def test_what_is_not_in_the_catalogue_needs_to_be_said(self):
        hostler = self.start_with()
        self.assert_error(hostler.post("/api/v2/models/download", {"model_id": "org/tiny"}), 400, "not_curated", "model_id")
        self.assertEqual(self.pull(hostler, "org/tiny", allow_unmanaged=True)["status"], "completed")
        self.assert_sound(hostler, "org/tiny", TINY)
        sizes = hostler.get("/api/v2/models?include_cache_size=true").json
        self.assertEqual([row["id"] for row in sizes["unmanaged"]], ["org/tiny"])
        self.assertEqual(sizes["unmanaged_repo_count"], 1)

    def test_the_sizes_add_up_to_du(self):
        hostler = self.start_with(entry("org/tiny"))
        self.pull(hostler, "org/tiny")
        cache = hostler.get("/api/v2/models?include_cache_size=true").json["cache"]
        du = int(subprocess.check_output(["du", "-s", "--block-size=1", hostler.cache]).split()[0])
        self.assertEqual(cache["total_bytes"], du)
        parts = ("repository_bytes", "lock_bytes", "trash_bytes", "other_bytes")
        self.assertEqual(sum(cache[part] for part in parts), du)

    def test_a_second_start_joins_the_first(self):
        self.hub.fault("cdn", path="model.bin", times=None, rate=20_000)
        hostler = self.start_with(entry("org/tiny"))
        first = self.begin(hostler, "org/tiny")
        second = self.begin(hostler, "org/tiny")
        self.assertEqual((second["task_id"], second["outcome"]), (first["task_id"], "joined"))
        conflict = hostler.ask("DELETE", "/api/v2/models/cache?model_id=org/tiny&confirm=true")
        self.assertEqual(conflict.status, 409)
        self.assertEqual((conflict.json["type"], conflict.json["active_operation"], conflict.json["active_task_id"]),
                         ("cross_op_exclusion", "download", first["task_id"]))
        self.assertEqual(self.row(hostler, "org/tiny")["active_download_task_id"], first["task_id"])
        self.assertEqual(self.row(hostler, "org/tiny")["state"], "downloading")

    def test_cancelled_and_continued(self):
        big = fake_hub.Pattern(3_000_000)
        self.repo.add("big.bin", big)
        self.hub.fault("cdn", path="big.bin", stall_after=1_500_000)
        hostler = self.start_with(entry("org/tiny"))
        begun = self.begin(hostler, "org/tiny")
        house.eventually(lambda: self.task(hostler, begun["task_id"])["bytes_downloaded"] > 1_000_000, "half of it")
        cancelled = hostler.ask("DELETE", "/api/v2/models/tasks/" + begun["task_id"]).json
        self.assertEqual(cancelled["status"], "cancelled")
        row = self.row(hostler, "org/tiny")
        self.assertEqual(row["is_installed"], False)
        self.assertGreater(row["resumable_bytes"], 1_000_000)
        self.hub.requests.clear()
        self.assertEqual(self.pull(hostler, "org/tiny")["status"], "completed")
        ranges = [one.range for one in self.hub.requests if one.origin == "cdn" and "big.bin" in one.path]
        self.assertTrue(ranges and all(one and not one.startswith("bytes=0-") for one in ranges), ranges)
        self.assert_sound(hostler)
        self.assertEqual(snapshot(hostler.cache, "org/tiny")["big.bin"], b"".join(big.read(0, big.size)))

    def test_an_unknown_task_and_what_is_no_id(self):
        hostler = self.start_with()
        self.assert_error(hostler.get("/api/v2/models/tasks/00000000-0000-4000-8000-000000000000"), 404)
        self.assert_error(hostler.get("/api/v2/models/tasks/nonsense"), 422, param="task_id")
        self.assert_error(hostler.ask("DELETE", "/api/v2/models/tasks/nonsense"), 422, param="task_id")

    def test_bad_questions(self):
        hostler = self.start_with()
        for body, status, param in (({}, 422, "model_id"), ({"model_id": 1}, 422, "model_id"), ({"model_id": "a", "x": 1}, 422, "x"),
                                    ({"model_id": "a/b", "revision": "../x", "allow_unmanaged": True}, 400, "revision"),
                                    ({"model_id": "../etc", "allow_unmanaged": True}, 400, "model_id"),
                                    ({"model_id": "a/b", "include": [""]}, 422, "include[0]"), ({"model_id": "a" * 300}, 400, "model_id")):
            self.assert_error(hostler.post("/api/v2/models/download", body), status, param=param)
        for query, param in (("model_type=cat", "model_type"), ("installed_only=perhaps", "installed_only")):
            self.assert_error(hostler.get("/api/v2/models?" + query), 422, param=param)
        self.assert_error(hostler.get("/api/v2/models/usage"), 422, param="model_id")
        self.assert_error(hostler.ask("DELETE", "/api/v2/models/cache"), 422, param="model_id")
        self.assert_error(hostler.post("/api/v2/models/limit", {"limit": "fast"}), 400, param="limit")


class Catalogue(shelves.Test):
    def test_the_curated_models_of_the_four_types(self):
        hostler = self.start_with()
        models = hostler.get("/api/v2/models").json["models"]
        keys = [(row["model_type"], row["name"] or row["id"]) for row in models]
        self.assertEqual(keys, sorted(keys))
        self.assertEqual(len({(row["id"], row["model_type"]) for row in models}), len(models))
        found = {row["id"]: row for row in models}
        qwen = found["Qwen/Qwen3-Embedding-0.6B"]
        self.assertEqual((qwen["dimension"], qwen["max_sequence_length"], qwen["pooling_method"], qwen["is_asymmetric"], qwen["is_installed"],
                          qwen["size_on_disk_mb"], qwen["context_window"]), (1024, 32768, "last_token", True, False, 0, None))
        self.assertEqual(found["Qwen/Qwen2.5-7B-Instruct"]["context_window"], 32768)
        self.assertEqual(found["naver/splade-v3"]["memory_mb"], {"float32": 880, "float16": 440, "int8": 220})
        llms = hostler.get("/api/v2/models?model_type=llm").json["models"]
        self.assertTrue(llms and all(row["model_type"] == "llm" for row in llms))
        self.assertEqual(hostler.get("/api/v2/models?installed_only=true").json["models"], [])

    def test_a_model_whose_engine_is_not_built_says_so(self):
        empty = tempfile.mkdtemp(prefix="hostler-no-engines-")
        self.addCleanup(shutil.rmtree, empty)
        hostler = self.start_with(engines__folder=empty)
        error = self.assert_error(hostler.post("/api/models/kokoro/load"), 400, "provider_missing", "model")
        self.assertIn("BAKED_PROVIDERS", error["remedy"])
        row = next(row for row in hostler.get("/api/models").json["models"] if row["id"] == "kokoro")
        self.assertEqual((row["state"], row["badge"], row["provider_available"]), ("provider_missing", "⚠ Not available (rebuild image)", False))

    def test_a_broken_catalogue_of_the_user_ends_the_start_with_the_line(self):
        hostler = self.new_with()
        (hostler.home / "models.toml").write_text('[[model]]\nid = "a/b"\ntyp = "llm"\n')
        done = subprocess.run([house.HOSTLER, "serve", "--port", "0", "--home", hostler.home], env=hostler.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"models\.toml:3.*typ")

    def test_what_lies_in_models_is_listed(self):
        hostler = self.new_with()
        folder = hostler.home / "models/mine"
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"x" * 100)
        (folder / "tokens.txt").write_text("a 1\n")
        (folder / "voices.bin").write_bytes(b"x" * 100)
        mounted = hostler.home / "external_models/mounted"  # linked into models/ at the start
        shutil.copytree(folder, mounted)
        self.addCleanup(self.finish, hostler)
        hostler.start()
        self.assertTrue(self.row(hostler, "mounted")["is_installed"])
        self.assertEqual((hostler.home / "models/mounted").resolve(), mounted.resolve())
        row = self.row(hostler, "mine")
        self.assertEqual((row["is_installed"], row["curated"], row["model_type"]), (True, False, "tts"))
        self.assert_error(hostler.post("/api/v2/models/download", {"model_id": "mine"}), 409, "not_in_cache")


class Delete(shelves.Test):
    def setUp(self):
        super().setUp()
        self.repo = self.hub.repo("org/tiny")
        for path, data in TINY.items():
            self.repo.add(path, data)

    def installed(self, **more):
        hostler = self.start_with(entry("org/tiny", **more))
        self.assertEqual(self.pull(hostler, "org/tiny")["status"], "completed")
        return hostler

    def test_deleted_as_shown_and_brought_back(self):
        hostler = self.installed()
        usage = self.usage(hostler, "org/tiny")
        self.assertEqual((usage["is_installed"], usage["can_delete"], usage["requires_confirmation"], usage["files"]), (True, True, False, 4))
        self.assertGreaterEqual(usage["size_on_disk_bytes"], sum(map(len, TINY.values())))
        done = self.delete(hostler, "org/tiny", confirm=usage["plan_digest"])
        self.assertEqual((done["status"], done["bytes_downloaded"], done["bytes_total"]), ("completed", 0, 0))
        self.assertFalse(folder_of(hostler.cache, "org/tiny").exists())
        self.assertFalse((hostler.home / "models/org/tiny").is_symlink())
        self.assertFalse(self.row(hostler, "org/tiny")["is_installed"])
        trash = hostler.get("/api/v2/models/trash").json["items"]
        self.assertEqual([item["model_id"] for item in trash], ["org/tiny"])
        back = hostler.post("/api/v2/models/undo", {"model_id": "org/tiny"})
        self.assertEqual((back.status, back.json["status"]), (200, "restored"))
        self.assert_sound(hostler, "org/tiny", TINY)
        self.assertTrue(self.row(hostler, "org/tiny")["is_installed"])
        self.assertTrue((hostler.home / "models/org/tiny").exists())
        self.assert_error(hostler.post("/api/v2/models/undo", {}), 404, "not_in_trash")

    def test_a_plan_that_is_no_longer_true_deletes_nothing(self):
        hostler = self.installed()
        digest = self.usage(hostler, "org/tiny")["plan_digest"]
        commit = self.repo.head
        (folder_of(hostler.cache, "org/tiny") / "snapshots" / commit / "more.txt").write_text("put here meanwhile")
        answer = hostler.ask("DELETE", f"/api/v2/models/cache?model_id=org/tiny&confirm={digest}")
        self.assertEqual((answer.status, answer.json["type"]), (409, "plan_changed"))
        self.assertNotEqual(answer.json["plan_digest"], digest)
        self.assertTrue(self.row(hostler, "org/tiny")["is_installed"])
        self.assertEqual(self.delete(hostler, "org/tiny", confirm=answer.json["plan_digest"])["status"], "completed")

    def test_who_would_miss_it(self):
        hostler = self.installed()
        for kind, name in (("collection", "books"), ("collection", "letters"), ("preference", "u1"), ("llm_config", "u2")):
            answer = hostler.ask("PUT", "/api/v2/references", {"holder": "semantik", "kind": kind, "name": name, "model_id": "org/tiny"})
            self.assertEqual(answer.status, 200, answer)
        usage = self.usage(hostler, "org/tiny")
        self.assertEqual((usage["blocked_by_collections"], usage["user_preferences_count"], usage["llm_config_count"], usage["can_delete"],
                          usage["requires_confirmation"]), (["books", "letters"], 1, 1, False, False))
        self.assertEqual(self.row(hostler, "org/tiny")["used_by_collections"], ["books", "letters"])
        blocked = hostler.ask("DELETE", "/api/v2/models/cache?model_id=org/tiny&confirm=true")
        self.assertEqual((blocked.status, blocked.json["type"], blocked.json["blocked_by_collections"], blocked.json["requires_confirmation"]),
                         (409, "in_use_block", ["books", "letters"], False))
        dropped = hostler.ask("DELETE", "/api/v2/references?holder=semantik&kind=collection")
        self.assertEqual(dropped.json, {"dropped": 2})
        ask = hostler.ask("DELETE", "/api/v2/models/cache?model_id=org/tiny")
        self.assertEqual((ask.status, ask.json["type"], ask.json["conflict_type"], len(ask.json["warnings"])),
                         (409, "requires_confirmation", "requires_confirmation", 2))
        self.assertEqual(self.delete(hostler, "org/tiny", confirm=ask.json["plan_digest"])["status"], "completed")

    def test_deleting_what_is_not_there(self):
        hostler = self.start_with(entry("org/tiny"))
        answer = hostler.ask("DELETE", "/api/v2/models/cache?model_id=org/tiny")
        self.assertEqual((answer.status, answer.json["task_id"], answer.json["status"], answer.json["outcome"]),
                         (200, None, "completed", "not_installed"))
        self.assert_error(hostler.ask("DELETE", "/api/v2/models/cache?model_id=org/other"), 400, "not_curated")

    def test_at_once_frees_the_space(self):
        hostler = self.installed()
        self.assertEqual(self.delete(hostler, "org/tiny", at_once="true")["status"], "completed")
        self.assertEqual(hostler.get("/api/v2/models/trash").json["items"], [])
        self.assertEqual(self.pull(hostler, "org/tiny")["status"], "completed")

    def test_two_models_of_one_repository(self):
        self.repo.add("shared.txt", b"both need me")
        hostler = self.start_with(entry("one", repository="org/tiny", files=["config.json", "shared.txt"]),
                                  entry("two", repository="org/tiny", files=["model.bin", "shared.txt"]))
        self.pull(hostler, "one")
        self.pull(hostler, "two")
        usage = self.usage(hostler, "one")
        self.assertEqual((usage["whole_repository"], usage["files"]), (False, 1))
        self.assertEqual(self.delete(hostler, "one")["status"], "completed")
        self.assertEqual((self.row(hostler, "one")["is_installed"], self.row(hostler, "two")["is_installed"]), (False, True))
        self.assertEqual(set(snapshot(hostler.cache, "org/tiny")), {"model.bin", "shared.txt"})
        self.assert_sound(hostler)
        self.assertEqual(hostler.post("/api/v2/models/undo", {"model_id": "one"}).status, 200)
        self.assertTrue(self.row(hostler, "one")["is_installed"])


class Served(shelves.Test):
    """An engine that needs files gets them from the cache, and a deletion waits for it."""

    def setUp(self):
        super().setUp()
        self.hub.repo("org/voice").add("voice.bin", b"voice" * 1000)
        self.hostler = self.start_with(entry("org/voice", type="tts", engine=house.FAKE_ENGINE, main_file="voice.bin"))

    def test_from_nothing_to_speech_and_away_again(self):
        self.assert_error(self.hostler.speak("org/voice"), 409, "not_downloaded", "model")
        self.assertEqual(self.hostler.model("org/voice")["state"], "unloaded")
        self.pull(self.hostler, "org/voice")
        self.assertEqual(self.hostler.model("org/voice")["disk"], "downloaded")
        self.assertEqual(self.hostler.speak("org/voice").status, 200)
        usage = self.usage(self.hostler, "org/voice")
        self.assertEqual((usage["loaded_in_vecpipe"], usage["loaded_vecpipe_model_types"], usage["requires_confirmation"]), (True, ["tts"], True))
        self.assertEqual(self.delete(self.hostler, "org/voice", confirm=usage["plan_digest"])["status"], "completed")
        self.assertEqual(self.hostler.loaded(), [])
        self.assert_error(self.hostler.speak("org/voice"), 409, "not_downloaded", "model")

    def test_the_voice_clients_routes(self):
        status = self.hostler.get("/api/models/org/voice/status").json
        self.assertEqual((status["state"], status["provider_available"]), ("provider_installed", True))
        self.assertEqual(self.hostler.post("/v1/audio/models/prefetch", {"model": "org/voice"}).json["status"], "downloaded")
        self.assertEqual(self.hostler.get("/api/models/org/voice/progress").json, {"status": "downloaded", "progress": 1})
        self.assertEqual(self.hostler.post("/api/models/org/voice/load").json["state"], "loaded")
        self.assertEqual(self.hostler.ask("DELETE", "/api/models/org/voice").json, {"status": "unloaded", "model": "org/voice"})
        gone = self.hostler.ask("DELETE", "/api/models/org/voice/artifacts").json
        self.assertEqual((gone["status"], gone["deleted_paths"]), ("deleted", [str(folder_of(self.hostler.cache, "org/voice"))]))
        self.assertEqual(self.hostler.ask("DELETE", "/api/models/org/voice/artifacts").json["status"], "not_found")
        self.assertEqual(self.hostler.post("/api/pull/org/voice").json, {"status": "downloaded", "model": "org/voice"})


class Care(shelves.Test):
    def test_a_wrong_file_is_named_and_fetched_again(self):
        self.hub.repo("org/tiny").add("part[1]*.bin", b"right" * 1000)
        hostler = self.start_with(entry("org/tiny"))
        self.pull(hostler, "org/tiny")
        path = folder_of(hostler.cache, "org/tiny") / "refs/main"
        weights = folder_of(hostler.cache, "org/tiny") / "snapshots" / path.read_text() / "part[1]*.bin"
        weights.resolve().write_bytes(b"wrong" * 1000)
        begun = hostler.post("/api/v2/models/verify", {"model_id": "org/tiny"}).json
        failed = self.follow(hostler, begun["task_id"])[-1]
        self.assertEqual((failed["status"], failed["error_class"]), ("failed", "corrupt"))
        self.assertIn("part[1]*.bin", failed["error"])
        self.assertIn("--repair", failed["remedy"])
        begun = hostler.post("/api/v2/models/verify", {"model_id": "org/tiny", "repair": True}).json
        self.assertEqual(self.follow(hostler, begun["task_id"])[-1]["status"], "completed")
        self.assert_sound(hostler, "org/tiny", {"part[1]*.bin": b"right" * 1000})

    def test_the_doctor_finds_and_mends(self):
        self.hub.repo("org/tiny").add("model.bin", b"right" * 1000)
        hostler = self.start_with(entry("org/tiny"))
        self.pull(hostler, "org/tiny")
        self.assertEqual([one["trouble"] for one in hostler.get("/api/v2/models/doctor").json["findings"] if one["trouble"] != "low_space"], [])
        blobs = folder_of(hostler.cache, "org/tiny") / "blobs"
        (blobs / ("0" * 64)).write_bytes(b"x" * 5000)
        (blobs / ("1" * 64 + ".incomplete")).write_bytes(b"x" * 5000)
        found = hostler.get("/api/v2/models/doctor").json
        self.assertEqual({one["trouble"] for one in found["findings"]} - {"low_space"}, {"orphan_blob", "partial_file"})
        self.assertTrue(all(one["remedy"] for one in found["findings"]))
        mended = hostler.post("/api/v2/models/doctor", {}).json
        self.assertEqual([one["error"] for one in mended["mended"]], [None, None])
        self.assert_sound(hostler, "org/tiny", {"model.bin": b"right" * 1000})
        self.assertEqual({path.name for path in blobs.iterdir()} & {"0" * 64}, set())
        self.assert_error(hostler.post("/api/v2/models/doctor", {"paths": ["../../etc"]}), 404)


class CommandLine(shelves.Test):
    def setUp(self):
        super().setUp()
        self.repo = self.hub.repo("org/tiny")
        for path, data in TINY.items():
            self.repo.add(path, data)

    def check(self, hostler):
        done = self.cli(hostler, "pull", "org/tiny")
        self.assertEqual((done.returncode, done.stdout), (0, "org/tiny is complete: 34.2 KB\n"), done)
        self.assertIn("✓ model.bin (34.2 KB)", done.stderr)
        self.assert_sound(hostler, "org/tiny", TINY)
        self.assertEqual(self.cli(hostler, "pull", "org/tiny").stdout, "org/tiny is complete already\n")
        rows = self.json_cli(hostler, "ls", "--installed")["models"]
        self.assertEqual([row["id"] for row in rows], ["org/tiny"])
        self.assertRegex(self.cli(hostler, "ls", "--installed", "--sizes").stdout, r"org/tiny +embedding +○ downloaded +[\d.]+ KB")
        self.assertIn("org/tiny is as it should be", self.cli(hostler, "verify", "org/tiny").stdout)
        refused = self.cli(hostler, "rm", "org/tiny", input="y\n")
        self.assertEqual(refused.returncode, 5, refused)
        self.assertIn("--yes", refused.stderr)
        gone = self.cli(hostler, "rm", "org/tiny", "--yes")
        self.assertEqual(gone.returncode, 0, gone)
        self.assertIn("hostler undo org/tiny", gone.stdout)
        self.assertEqual(self.cli(hostler, "ls", "--installed").stdout, "nothing is downloaded\n")
        self.assertIn("org/tiny", self.cli(hostler, "undo", "--list").stdout)
        self.assertEqual(self.cli(hostler, "undo").stdout, "org/tiny is back: 88.0 KB\n")
        self.assert_sound(hostler, "org/tiny", TINY)
        self.assertIn("org/tiny", self.cli(hostler, "search", "org", "tiny").stdout)
        missing = self.cli(hostler, "rm", "org/none", "--unmanaged", "--yes")
        self.assertEqual(missing.returncode, 4, missing)

    def test_a_gated_model_leaves_nothing_behind(self):
        self.hub.repo("org/gated", gated=True).add("model.bin", b"secret")
        hostler = self.start_with(entry("org/gated"))
        failed = self.pull(hostler, "org/gated")
        self.assertEqual((failed["status"], failed["error_class"]), ("failed", "gated"))
        self.assertIn("/org/gated", failed["remedy"])
        self.assertEqual(list(folder_of(hostler.cache, "org/gated").glob("blobs/*")), [])
        self.assertEqual(self.row(hostler, "org/gated")["resumable_bytes"], 0)

    def test_with_a_running_daemon(self):
        self.check(self.start_with(entry("org/tiny")))

    def test_without_one(self):
        self.check(self.new_with(entry("org/tiny")))

    def test_what_fails_says_why_and_is_no_success(self):
        hostler = self.new_with(entry("org/gone"))
        done = self.cli(hostler, "pull", "org/gone")
        self.assertEqual(done.returncode, 4, done)
        self.assertIn("→", done.stderr)

    def test_ctrl_c_stops_and_says_how_to_go_on(self):
        self.repo.add("big.bin", fake_hub.Pattern(3_000_000))
        self.hub.fault("cdn", path="big.bin", stall_after=1_500_000)
        hostler = self.start_with(entry("org/tiny"))
        with subprocess.Popen([house.HOSTLER, "pull", "org/tiny"], env=hostler.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            tasks = lambda: hostler.get("/api/v2/models/tasks").json["tasks"]
            house.eventually(lambda: tasks() and tasks()[0]["bytes_downloaded"] > 1_000_000, "half of it")
            process.send_signal(2)
            out, err = process.communicate(timeout=house.LONG)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("`hostler pull org/tiny` continues where it was", err)
        self.assertEqual(tasks()[0]["status"], "cancelled")
        self.assertEqual(self.cli(hostler, "pull", "org/tiny").returncode, 0)
        self.assert_sound(hostler)


if __name__ == "__main__":
    house.main()
