#!/usr/bin/python3
"""Loading what is not downloaded: the first load fetches it, everybody can see that, and what goes wrong is told."""

import unittest

import fake_hub
import house
import shelves
from shelves import entry

MODEL = "org/voice"
LOADS = (("/models/load", {"model_id": MODEL}), ("/v1/audio/models/load", {"model": MODEL}), (f"/api/models/{MODEL}/load", None), (f"/api/ps/{MODEL}", None))


class Loading(shelves.Test):
    def setUp(self):
        super().setUp()
        self.repo = self.hub.repo(MODEL)
        self.repo.add("voice.bin", fake_hub.Pattern(3_000_000))

    def serve(self, **more):
        return self.start_with(entry(MODEL, type="tts", engine=house.FAKE_ENGINE, main_file="voice.bin"), **more)

    def test_every_door(self):
        for path, body in LOADS:
            with self.subTest(path=path):
                hostler = self.serve()
                answer = hostler.post(path, body)
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(hostler.loaded(), [MODEL])
                self.assertEqual(hostler.model(MODEL)["disk"], "downloaded")
                self.assertEqual(hostler.speak(MODEL).status, 200)

    def test_requests_do_not_fetch(self):
        hostler = self.serve()
        self.assert_error(hostler.speak(MODEL), 409, "not_downloaded", "model", "not downloaded")
        self.assertEqual(self.hub.requests, [])

    def test_what_is_going_on_can_be_seen(self):
        self.hub.fault("cdn", path="voice.bin", rate=2_000_000, times=None)
        hostler = self.serve()
        loading = house.Background(lambda: hostler.post("/models/load", {"model_id": MODEL}))
        seen = set()

        def look():
            seen.add(hostler.get(f"/api/models/{MODEL}/progress").json["status"])
            return hostler.loaded() == [MODEL]
        house.eventually(look, "the model to be loaded")
        self.assertEqual(loading.result().status, 200)
        self.assertIn("downloading", seen)
        self.assertEqual(hostler.get(f"/api/models/{MODEL}/progress").json["status"], "ready")

    def test_who_leaves_leaves_the_download_running(self):
        self.hub.fault("cdn", path="voice.bin", rate=2_000_000, times=None)
        hostler = self.serve()
        raw = hostler.socket(b"POST /models/load HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n" + b'{"model_id": "org/voice"}')
        house.eventually(lambda: hostler.model(MODEL)["disk"] == "downloading", "the download")
        raw.close()
        house.eventually(lambda: hostler.model(MODEL)["disk"] == "downloaded", "the end of the download")
        self.assertEqual(hostler.loaded(), [])

    def test_several_at_once_fetch_once(self):
        hostler = self.serve()
        house.in_threads([lambda: self.assertEqual(hostler.load(MODEL).status, 200) for _ in range(5)])
        self.assertEqual(len([one for one in self.hub.requests if one.origin == "cdn" and one.method == "GET" and "voice" in one.path and one.range is None]) <= 1, True)
        self.assertEqual(hostler.loaded(), [MODEL])

    def test_a_download_that_fails_is_the_answer(self):
        self.hub.fault("info", status=403, code="GatedRepo", message="ask for access", times=None)
        self.hub.fault("any", status=403, code="GatedRepo", message="ask for access", times=None)
        hostler = self.serve()
        answer = hostler.load(MODEL)
        self.assertEqual(answer.status, 403, answer)
        self.assertTrue(answer.error["remedy"])
        self.assertEqual(hostler.model(MODEL)["state"], "unloaded")

    def test_a_cancelled_download_ends_the_load(self):
        self.hub.fault("cdn", path="voice.bin", stall_after=1000, times=None)
        hostler = self.serve()
        loading = house.Background(lambda: hostler.load(MODEL))
        task = house.eventually(lambda: [task for task in hostler.get("/api/v2/models/tasks").json["tasks"] if task["status"] == "running"], "the task")[0]
        hostler.ask("DELETE", "/api/v2/models/tasks/" + task["task_id"])
        self.assertIn("cancelled", loading.result().error["message"])

    def test_it_can_be_forbidden(self):
        hostler = self.serve(**{"models.fetch_on_load": False})
        self.assert_error(hostler.load(MODEL), 409, "not_downloaded", "model")
        self.assertEqual(self.hub.requests, [])

    def test_preloading_fetches_too(self):
        hostler = self.serve(**{"models.preload": [MODEL]})
        house.eventually(lambda: hostler.loaded() == [MODEL], "the model to be fetched and loaded")

    def test_the_daemon_can_end_meanwhile(self):
        self.hub.fault("cdn", path="voice.bin", stall_after=1000, times=None)
        hostler = self.serve()
        loading = house.Background(lambda: hostler.load(MODEL))
        house.eventually(lambda: hostler.model(MODEL)["disk"] == "downloading", "the download")
        hostler.terminate()
        self.assert_error(loading.result(), 503)
        self.assertEqual(hostler.wait(), 0)

    def test_the_command_line(self):
        hostler = self.serve()
        done = self.cli(hostler, "load", MODEL)
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout, r"^org/voice loaded in ")
        again = self.cli(hostler, "load", MODEL)
        self.assertRegex(again.stdout, "was loaded already")


if __name__ == "__main__":
    unittest.main()
