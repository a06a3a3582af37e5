"""/upstream/MODEL/ROUTE: the engine's own answer, with hostler in between."""

import io
import json
import threading
import wave

import house
from house import fake


def recording(seconds):
    sound = io.BytesIO()
    with wave.open(sound, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(bytes(int(32000 * seconds)))
    return sound.getvalue()


class Upstream(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("one", chunks=3), fake("org/two", chunks=2), fake("crashes", crash_at_chunk=1, chunks=3, chunk_ms=20),
                                       fake("slow", chunks=1000, chunk_ms=20), models__default_tts="one")

    def test_work_loads_the_model_and_answers_as_the_engine_does(self):
        answer = self.hostler.post("/upstream/org/two/generate/control", {"text": "hi"})
        self.assertEqual((answer.status, answer.headers["Content-Type"], len(answer.body)), (200, "audio/pcm", 2 * 1600 * 2))
        self.assertEqual((answer.headers["X-Sample-Rate"], answer.headers["X-Channels"]), ("16000", "1"))
        self.assertEqual(self.hostler.model("org/two")["state"], "loaded")

    def test_reading_routes_and_queries(self):
        self.assertEqual(self.hostler.get("/upstream/one/health").json["engine"], "fake")
        self.assertEqual(len(self.hostler.get("/upstream/org%2Ftwo/voices?model_id=org/two").json["voices"]), 2)
        self.assertEqual(self.hostler.get("/upstream/one/voices?model_id=nobody").status, 404)  # the query arrived

    def test_aliases(self):
        self.assertEqual(self.hostler.get("/upstream/tts-1/health").status, 200)

    def test_a_large_recording_passes_in_both_forms(self):
        sound = recording(60)
        answer = self.hostler.ask("POST", "/upstream/one/transcribe", sound, {"Content-Type": "audio/wav"})
        self.assertEqual(answer.json["text"], "heard 960000 samples at 16000 Hz")
        pieces = (sound[at:at + 100000] for at in range(0, len(sound), 100000))
        connection = self.hostler.connection()
        connection.request("POST", "/upstream/one/transcribe", pieces, {"Content-Type": "audio/wav"}, encode_chunked=True)
        self.assertEqual(json.loads(connection.getresponse().read())["text"], "heard 960000 samples at 16000 Hz")
        connection.close()

    def test_events_pass_one_by_one(self):
        connection, response = self.hostler.open("POST", "/upstream/one/transcribe", recording(3), {"Content-Type": "audio/wav", "Accept": "text/event-stream"})
        with house.Events(connection, response) as events:
            names = [events.next()[0] for _ in range(4)]
        self.assertEqual(names, ["segment"] * 3 + ["done"])

    def test_the_engines_own_errors_come_as_they_are(self):
        answer = self.hostler.post("/upstream/one/generate/control", {"text": "hi", "voice": "nobody"})
        self.assertEqual((answer.status, answer.json["error"]["code"]), (404, "not_found"))

    def test_what_is_the_daemons_is_not_passed_on(self):
        self.hostler.load("one")
        for method, route in (("POST", "models/unload"), ("POST", "models/load"), ("GET", "logs"), ("POST", "logs/clear"), ("GET", "generate/control"),
                              ("GET", "../health"), ("GET", "anything")):
            with self.subTest(route):
                answer = self.hostler.ask(method, "/upstream/one/" + route, "{}" if method == "POST" else None)
                self.assert_error(answer, 404)
        self.assertEqual(self.hostler.model("one")["state"], "loaded")

    def test_unknown_models(self):
        self.assert_error(self.hostler.get("/upstream/nobody/health"), 404, param="model")
        self.assert_error(self.hostler.get("/upstream/one"), 404)

    def test_an_engine_that_dies_cuts_the_answer(self):
        _, response = self.hostler.open("POST", "/upstream/crashes/generate/control", {"text": "hi"})
        self.assertEqual(response.status, 200)
        self.assert_cut(response)
        self.assertIn("POST /generate/control", json.dumps(self.hostler.wait_for_crash("crashes")))

    def test_a_client_that_leaves_frees_the_engine(self):
        connection, response = self.hostler.open("POST", "/upstream/slow/generate/control", {"text": "hi"})
        response.read(10)
        self.assertEqual(self.hostler.model("slow")["leases"], 1)
        connection.close()
        response.close()
        house.eventually(lambda: self.hostler.model("slow")["leases"] == 0, "the lease to come back")
        house.eventually(lambda: self.hostler.logs(q="fake slow request 1 cancelled"), "the engine to stop")

    def test_many_at_once(self):
        def ask():
            for _ in range(20):
                assert len(self.hostler.post("/upstream/one/generate/control", {"text": "hi"}).body) == 9600
        house.in_threads([ask] * 8)
        self.assertEqual(threading.active_count(), 1)


if __name__ == "__main__":
    house.main()
