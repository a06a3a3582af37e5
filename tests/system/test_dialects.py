#!/usr/bin/python3
"""The other dialects besides OpenAI's: the engine protocol's routes, the voice server's, and what every HTTP client may rely on."""

import json
import re

import house
from house import fake


class Case(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("one", sample_rate=22050), fake("lab/voice two", chunks=1), fake("fails", load_fail="broken weights"),
                                       fake("ear", type="stt"))


class EngineDialect(Case):
    """Explicit load and unload, with what each took."""

    def setUp(self):
        self.hostler.unload("one")

    def test_health(self):
        health = self.hostler.get("/health").json
        self.assertEqual((health["status"], health["engine"], health["protocol"]), ("ok", "hostler", 1))
        self.assertIn("generate.control", health["features"])
        self.assertGreater(health["uptime_s"], 0)

    def test_load_and_unload_tell_what_they_took(self):
        loaded = self.hostler.load("one").json
        self.assertEqual((loaded["model_id"], loaded["state"], loaded["status"], loaded["outcome"]), ("one", "loaded", "completed", "loaded"))
        self.assertGreater(loaded["memory_after_mb"], 0)
        self.assertAlmostEqual(loaded["memory_delta_mb"], loaded["memory_after_mb"] - loaded["memory_before_mb"], places=3)
        self.assertGreater(loaded["load_time_s"], 0)
        self.assertEqual(self.hostler.load("one").json["outcome"], "already_loaded")
        row = self.hostler.model("one")
        self.assertEqual((row["state"], row["badge"]), ("loaded", "● Loaded"))
        self.assertGreater(row["memory_mb"], 0)
        self.assertGreater(row["loaded_at"], 1.6e9)
        unloaded = self.hostler.unload("one").json
        self.assertEqual((unloaded["model_id"], unloaded["state"], unloaded["outcome"]), ("one", "unloaded", "unloaded"))
        self.assertGreater(unloaded["memory_freed_mb"], 0)
        self.assertEqual(self.hostler.unload("one").json["outcome"], "already_unloaded")
        row = self.hostler.model("one")
        self.assertEqual((row["state"], row["memory_mb"], row["loaded_at"], row["pid"]), ("unloaded", None, None, None))

    def test_a_failed_load_shows_and_can_be_dismissed(self):
        self.assert_error(self.hostler.load("fails"), 500, "load_failed", message="broken weights")
        self.assertEqual(self.hostler.model("fails")["state"], "error")
        self.hostler.unload("fails")
        row = self.hostler.model("fails")
        self.assertEqual((row["state"], row["error"]), ("unloaded", None))

    def test_generating_needs_a_loaded_model(self):
        for mode, body in (("control", {}), ("clone", {"sample": "x"}), ("design", {"description": "a voice"})):
            answer = self.hostler.post("/generate/" + mode, {"model_id": "one", "text": "hi", **body})
            self.assert_error(answer, 409, "not_loaded")
        self.assertEqual(self.hostler.model("one")["state"], "unloaded")

    def test_generate_control_streams_pcm_as_the_engine_makes_it(self):
        self.hostler.load("one")
        answer = self.hostler.post("/generate/control", {"model_id": "one", "text": "hi", "voice": "fake-2", "speed": 2})
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "audio/pcm"))
        self.assertEqual((answer.headers["X-Sample-Rate"], answer.headers["X-Channels"]), ("22050", "1"))
        self.assertEqual(len(answer.body), 2 * 800 * 2 // 2)

    def test_generate_answers_with_a_wav_to_who_wants_one(self):
        self.hostler.load("one")
        answer = self.hostler.post("/generate/control", {"model_id": "one", "text": "hi"}, {"Accept": "audio/wav"})
        self.assertEqual((answer.headers["Content-Type"], answer.body[:4], answer.body[8:12]), ("audio/wav", b"RIFF", b"WAVE"))
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        self.assertEqual(int.from_bytes(answer.body[24:28], "little"), 22050)

    def test_generate_design_and_clone(self):
        self.hostler.load("one")
        design = self.hostler.post("/generate/design", {"model_id": "one", "text": "hi", "description": "an old sailor"})
        self.assertEqual((design.status, len(design.body)), (200, 3200))
        house.eventually(lambda: self.hostler.logs(q="imagines: an old sailor"), "the engine's line: it comes through a pipe")
        import base64
        wav = self.hostler.post("/generate/control", {"model_id": "one", "text": "hi"}, {"Accept": "audio/wav"}).body
        clone = self.hostler.post("/generate/clone", {"model_id": "one", "text": "hi", "reference_audio": base64.b64encode(wav).decode()})
        self.assertEqual((clone.status, len(clone.body)), (200, 3200), clone)

    def test_unknown_fields_are_errors_on_hostlers_own_routes(self):
        answer = self.hostler.post("/models/load", {"model_id": "one", "modelid": "x"})
        self.assert_error(answer, 422, "validation_error", "modelid")
        self.assert_error(self.hostler.post("/models/load", {}), 422, "validation_error", "model_id")
        self.assert_error(self.hostler.post("/models/load", {"model_id": "nobody"}), 404, "model_not_found")
        self.assert_error(self.hostler.post("/models/unload", {"model_id": "nobody"}), 404, "model_not_found")


class VoiceDialect(Case):
    def test_audio_models_load_and_unload(self):
        loaded = self.hostler.post("/v1/audio/models/load", {"model": "one"}).json
        self.assertEqual((loaded["status"], loaded["model"]), ("loaded", "one"))
        row = next(row for row in self.hostler.get("/v1/audio/models").json["models"] if row["model"] == "one")
        self.assertEqual((row["status"], row["state"], row["type"], row["backend"]), ("loaded", "loaded", "tts", "custom"))
        running = next(row for row in self.hostler.get("/api/ps").json["models"] if row["model"] == "one")
        self.assertIsNone(running["ttl_remaining"])
        self.assertEqual(self.hostler.post("/v1/audio/models/unload", {"model": "one"}).json["status"], "unloaded")
        self.assert_error(self.hostler.post("/v1/audio/models/unload", {"model": "one"}), 404, "not_loaded")

    def test_prefetch_loads_nothing(self):
        answer = self.hostler.post("/v1/audio/models/prefetch", {"model": "flite"})
        self.assertEqual((answer.json["status"], answer.json["model"]), ("downloaded", "flite"))
        self.assertNotIn("flite", self.hostler.loaded())

    def test_without_a_body_the_default_is_meant(self):
        self.assertEqual(self.hostler.post("/v1/audio/models/load").json["model"], "espeak")
        self.assertTrue(next(row for row in self.hostler.get("/api/ps").json["models"] if row["model"] == "espeak")["is_default"])

    def test_voices_and_capabilities(self):
        voices = self.hostler.get("/v1/audio/voices?model=espeak").json["voices"]
        self.assertGreater(len(voices), 80)
        for voice in voices:
            self.assertTrue(voice["id"] and voice["language"] and voice["gender"] in ("female", "male", "neutral", "unknown"), voice)
        self.assertIn("de", {voice["language"] for voice in voices})
        self.assertEqual(self.hostler.get("/api/tts/voices?model=espeak").json["voices"], voices)
        everybody = {voice["model"] for voice in self.hostler.get("/v1/audio/voices").json["voices"]}
        self.assertLessEqual({"espeak", "flite"}, everybody)
        self.assert_error(self.hostler.get("/v1/audio/voices?model=nobody"), 404, "model_not_found")
        answer = self.hostler.get("/api/tts/capabilities?model=espeak").json
        self.assertEqual((answer["backend"], answer["capabilities"]["speed_control"], answer["capabilities"]["voice_clone"]), ("espeak", True, False))
        self.assertEqual(self.hostler.get("/api/tts/capabilities").json["model"], "espeak")

    def test_there_is_nothing_to_install_at_run_time(self):
        for method in ("GET", "POST"):
            self.assert_error(self.hostler.ask(method, "/api/providers/install", b"" if method == "POST" else None), 404)


class OpenAiDialect(Case):
    def test_models(self):
        listed = self.hostler.get("/v1/models").json
        self.assertEqual(listed["object"], "list")
        row = next(row for row in listed["data"] if row["id"] == "espeak")
        self.assertEqual((row["object"], row["owned_by"]), ("model", "hostler/espeak"))
        self.assertGreater(row["created"], 1.6e9)
        self.assert_error(self.hostler.get("/v1/models/nobody"), 404, "model_not_found")

    def test_ids_with_slashes_raw_and_encoded(self):
        for path in ("/v1/models/lab/voice%20two", "/v1/models/lab%2Fvoice%20two", "/v1/models/lab%2fvoice%20two"):
            self.assertEqual(self.hostler.get(path).json["id"], "lab/voice two")
        self.assertEqual(self.hostler.speak("lab/voice two").headers["X-Hostler-Model"], "lab%2Fvoice%20two")


class AnyDialect(Case):
    """What holds for every route."""

    def test_openapi_names_the_routes(self):
        document = self.hostler.get("/openapi.json").json
        self.assertTrue(document["openapi"].startswith("3."))
        routes = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
        self.assertLessEqual({
            ("GET", "/v1/models"), ("GET", "/v1/models/{id}"), ("POST", "/v1/audio/speech"), ("POST", "/v1/audio/transcriptions"), ("POST", "/v1/audio/translations"),
            ("GET", "/v1/audio/models"), ("POST", "/v1/audio/models/load"), ("POST", "/v1/audio/models/unload"), ("POST", "/v1/audio/models/prefetch"),
            ("GET", "/v1/audio/voices"), ("GET", "/api/tts/voices"), ("GET", "/api/tts/capabilities"), ("GET", "/api/ps"), ("GET", "/models"),
            ("POST", "/models/load"), ("POST", "/models/unload"), ("POST", "/generate/control"), ("POST", "/generate/clone"), ("POST", "/generate/design"),
            ("GET", "/logs"), ("GET", "/logs/stream"), ("POST", "/logs/clear"), ("GET", "/health"), ("GET", "/live"), ("GET", "/events"),
            ("GET", "/api/v2/models"), ("GET", "/api/v2/models/search"), ("GET", "/api/v2/models/usage"), ("POST", "/api/v2/models/download"),
            ("GET", "/api/v2/models/tasks"), ("GET", "/api/v2/models/tasks/{task_id}"), ("DELETE", "/api/v2/models/tasks/{task_id}"),
            ("GET", "/api/v2/models/tasks/{task_id}/events"), ("DELETE", "/api/v2/models/cache"), ("POST", "/api/v2/models/undo"),
            ("GET", "/api/v2/models/doctor"), ("POST", "/api/v2/models/verify"), ("PUT", "/api/v2/references"), ("DELETE", "/api/v2/references"),
            ("GET", "/api/models"), ("GET", "/api/models/{id}/status"), ("GET", "/api/models/{id}/progress"), ("POST", "/api/models/{id}/download"),
            ("DELETE", "/api/models/{id}"), ("DELETE", "/api/models/{id}/artifacts"), ("POST", "/api/pull/{id}"),
            ("POST", "/v1/audio/speech"), ("POST", "/v1/audio/speech/clone"), ("GET", "/v1/audio/stream"), ("GET", "/api/voice-presets"),
            ("GET", "/api/voices/library"), ("POST", "/api/voices/library"), ("GET", "/api/voices/library/{name}"), ("DELETE", "/api/voices/library/{name}"),
            ("GET", "/api/crashes"), ("GET", "/api/crashes/{id}"), ("GET", "/metrics")}, routes)
        text = json.dumps(document)
        for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
            self.assertIn(name, document["components"]["schemas"])

    def test_metrics_can_be_read(self):
        self.hostler.speak("one")
        answer = self.hostler.get("/metrics")
        self.assertEqual(answer.headers.get_content_type(), "text/plain")
        types, seen = {}, {}
        for line in answer.text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.assertNotIn(name, types)
                types[name] = kind
            elif not line.startswith("# HELP "):
                match = re.fullmatch(r'([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (-?[0-9.e+-]+|\+Inf|NaN)', line)
                self.assertTrue(match, line)
                self.assertNotIn((match[1], match[2]), seen)
                seen[match[1], match[2]] = float(match[3])
                self.assertTrue(match[1] in types or re.sub("_(bucket|sum|count)$", "", match[1]) in types, line)
        self.assertEqual(seen["hostler_model_loaded", '{model="one"}'], 1)
        self.assertGreater(seen["hostler_model_memory_bytes", '{model="one"}'], 100_000)

    def test_head_is_get_without_a_body(self):
        for path in ("/live", "/health", "/models", "/openapi.json"):
            answer = self.hostler.ask("HEAD", path)
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assertGreater(int(answer.headers["Content-Length"]), 2)

    def test_a_wrong_method_is_told_the_right_ones(self):
        answer = self.hostler.get("/v1/audio/speech")
        self.assert_error(answer, 405)
        self.assertIn("POST", answer.headers["Allow"])
        answer = self.hostler.ask("DELETE", "/models")
        self.assert_error(answer, 405)
        self.assertIn("GET", answer.headers["Allow"])

    def test_an_unknown_path(self):
        for path in ("/", "/v1", "/v1/audio/speech/x", "/api/crashes/../../etc/passwd", "/%2e%2e/", "/api/crashes/nobody", "/" + "x" * 3000):
            self.assert_error(self.hostler.get(path), 404)

    def test_a_foreign_name_is_refused(self):
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8100"):
            self.assert_error(self.hostler.get("/models", {"Host": host}), 403)
        for host in ("localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8100", "192.168.1.9", "a.localhost"):
            self.assertEqual(self.hostler.get("/models", {"Host": host}).status, 200)

    def test_a_foreign_page_is_refused(self):
        for origin in ("https://evil.example", "null", "http://localhost:3000"):
            self.assert_error(self.hostler.post("/models/load", {"model_id": "one"}, {"Origin": origin}), 403)
        own = self.hostler.get("/models", {"Origin": self.hostler.url})
        self.assertEqual(own.status, 200)

    def test_pages_and_names_that_are_allowed(self):
        hostler = self.start(server__allowed_hosts=["models.example"], server__allowed_origins=["https://page.example"])
        self.assertEqual(hostler.get("/live", {"Host": "models.example"}).status, 200)
        answer = hostler.get("/live", {"Origin": "https://page.example"})
        self.assertEqual((answer.status, answer.headers["Access-Control-Allow-Origin"]), (200, "https://page.example"))
        preflight = hostler.ask("OPTIONS", "/v1/audio/speech", headers={"Origin": "https://page.example", "Access-Control-Request-Method": "POST"})
        self.assertLess(preflight.status, 300)
        self.assertIn("POST", preflight.headers["Access-Control-Allow-Methods"])


if __name__ == "__main__":
    house.main()
