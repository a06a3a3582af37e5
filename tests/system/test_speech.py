#!/usr/bin/python3
"""POST /v1/audio/speech: every format really decodes, streams really stream, and every wrong request is told what is wrong."""

import json
import struct
import time

import house
from house import fake

# What may be said: PocketSphinx tells these apart, it does not take down whatever is said.
PHRASES = "#JSGF V1.0; grammar p; public <p> = three one four | nine two six | seven five zero | good morning;"
FORMATS = {  # name: content type, how the bytes begin
    "mp3": ("audio/mpeg", (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    "opus": ("audio/opus", (b"OggS",)),
    "aac": ("audio/aac", (b"\xff\xf1", b"\xff\xf9")),
    "flac": ("audio/flac", (b"fLaC",)),
    "wav": ("audio/wav", (b"RIFF",)),
    "pcm": ("audio/pcm", (b"",)),
    "m4a": ("audio/mp4", (b"\0\0\0",)),
}


def wav_of_pcm(pcm, rate=24000):
    return b"RIFF" + struct.pack("<I", 36 + len(pcm)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) + b"data" + struct.pack("<I", len(pcm)) + pcm


class Formats(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("one"), fake("ear", type="stt"))

    def speak(self, query="", **body):
        return self.hostler.post("/v1/audio/speech" + query, {"input": "three one four", "model": "espeak", **body})

    def duration(self, audio):
        answer = self.hostler.transcribe(audio, model="ear", response_format="verbose_json")
        self.assertEqual(answer.status, 200, answer)
        return answer.json["duration"]

    def test_every_format_is_what_it_says_and_sounds_right(self):
        for whole in ("", "?stream=false"):
            for name, (content_type, magic) in FORMATS.items():
                with self.subTest(format=name, query=whole):
                    answer = self.speak(whole, response_format=name)
                    self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, content_type))
                    self.assertTrue(answer.body.startswith(magic), answer.body[:16])
                    if name == "m4a":
                        self.assertEqual(answer.body[4:8], b"ftyp")
                    audio = wav_of_pcm(answer.body) if name == "pcm" else answer.body
                    heard = self.hostler.transcribe(audio, model="pocketsphinx", grammar=PHRASES)
                    self.assertEqual((heard.status, heard.json["text"]), (200, "three one four"))

    def test_whole_answers_have_their_length(self):
        answer = self.speak("?stream=false", response_format="wav")
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        riff, data = struct.unpack("<I", answer.body[4:8])[0], answer.body.index(b"data")
        self.assertEqual(riff, len(answer.body) - 8)
        self.assertEqual(struct.unpack("<I", answer.body[data + 4:data + 8])[0], len(answer.body) - data - 8)
        streamed = self.speak(response_format="wav")
        self.assertEqual(streamed.headers["Transfer-Encoding"], "chunked")
        self.assertIsNone(streamed.headers["Content-Length"])

    def test_speed_changes_the_duration(self):
        for model in ("espeak", "flite", "one"):
            with self.subTest(model=model):
                slow, normal, fast = (self.duration(self.speak(model=model, speed=speed, response_format="wav").body) for speed in (0.5, 1, 2))
                self.assertAlmostEqual(slow / normal, 2, delta=0.5)
                self.assertAlmostEqual(normal / fast, 2, delta=0.5)

    def test_pcm_is_24_khz_whatever_the_model_makes(self):
        answer = self.speak(model="one", input="x" * 20, response_format="pcm")  # 1 s at the engine's 16 kHz
        self.assertEqual(len(answer.body), 48000)

    def test_the_answer_names_model_and_voice(self):
        answer = self.speak(voice="nova")
        self.assertEqual((answer.headers["X-Hostler-Model"], answer.headers["X-Hostler-Voice"]), ("espeak", "en-us%2Bf2"))
        self.assertEqual(self.speak(model="tts-1").headers["X-Hostler-Model"], "espeak")
        self.assertEqual(self.hostler.post("/v1/audio/speech", {"input": "x"}).headers["X-Hostler-Model"], "espeak")

    def test_voices_differ(self):
        self.assertNotEqual(self.speak(response_format="pcm", voice="alloy").body, self.speak(response_format="pcm", voice="nova").body)
        self.assertEqual(self.speak(voice={"id": "nova"}).headers["X-Hostler-Voice"], "en-us%2Bf2")

    def test_fields_of_openai_that_mean_nothing_here_are_named(self):
        answer = self.speak(user="me", metadata={"a": 1})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["X-Hostler-Ignored-Fields"], "user, metadata")

    def test_every_script_can_be_spoken(self):
        for text in ("ĄČĘ žmogus 漢字", "مرحبا", "🙂 one", "<b>&amp;", "\u202eabc", "." * 50):
            with self.subTest(text=text):
                self.assertEqual(self.speak(input=text, response_format="wav").status, 200)

    # An engine would speak what comes before it and leave out the rest in silence.
    def test_a_text_with_nul_is_refused(self):
        self.assert_error(self.speak(input="a\u0000b"), 422, "validation_error", "input", "NUL")


class Streaming(house.Test):
    def test_the_first_bytes_come_while_the_engine_still_works(self):
        hostler = self.start(fake("one", chunks=30, chunk_ms=50))
        hostler.load("one")
        for name in ("mp3", "opus", "aac", "flac", "wav", "pcm", "m4a"):
            with self.subTest(format=name):
                connection, response = hostler.open("POST", "/v1/audio/speech", {"model": "one", "input": "x", "response_format": name})
                self.assertTrue(response.read1(1))
                self.assertEqual(hostler.model("one")["leases"], 1)  # still at it
                response.close()
                connection.close()
                house.eventually(lambda: hostler.model("one")["leases"] == 0, "the lease to come back")

    def test_audio_comes_as_it_is_made(self):
        hostler = self.start(fake("one", chunks=10, chunk_ms=100))
        hostler.load("one")
        with hostler.events("/events?topics=log") as events:
            connection, response = hostler.open("POST", "/v1/audio/speech", {"model": "one", "input": "x", "response_format": "pcm"})
            pieces, begin = [], time.monotonic()
            while response.read1(1 << 20):
                pieces.append(time.monotonic() - begin)
            connection.close()
            events.until_log("request 1 ends: 16000 samples in 10 chunks")
        self.assertGreaterEqual(len(pieces), 5, pieces)
        self.assertGreater(pieces[-1] - pieces[0], 0.3)  # the engine pauses for 0.9 s in between


class WrongRequests(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("one"))

    def bad(self, status, code=None, param=None, message=None, **body):
        answer = self.hostler.post("/v1/audio/speech", {key: value for key, value in {"input": "hi", "model": "one", **body}.items() if value is not ...})
        self.assert_error(answer, status, code, param, message, remedy=status != 422)

    def test_each_is_told_what_is_wrong(self):
        self.bad(400, param="input", input="")
        self.bad(400, param="input", input=" \n\t")
        self.bad(400, param="input", message="4097", input="x" * 4097)
        self.bad(400, param="input", message="4097", input="ž" * 4097)  # characters, not bytes
        self.bad(400, param="response_format", message="ogg", response_format="ogg")
        self.bad(422, "validation_error", "speed", speed=0.1)
        self.bad(422, "validation_error", "speed", speed=5)
        self.bad(404, "model_not_found", "model", model="no-such-voice")
        self.bad(404, None, "voice", voice="nobody")
        self.bad(422, "validation_error", "input", input=...)
        self.bad(422, "validation_error", "input", input=7)
        self.bad(422, "validation_error", "input", input=None)
        self.bad(422, "validation_error", "speed", speed="fast")
        self.bad(422, "validation_error", "model", model=["one"])
        self.bad(422, "validation_error", "voice", voice={"name": "x"})
        self.bad(400, None, "stream_format", stream_format="json")
        self.bad(400, None, "model", model="pocketsphinx")

    def test_a_near_miss_is_told_the_right_name(self):
        self.assertIn("espeak", self.assert_error(self.hostler.speak("espaek"), 404)["remedy"])

    def test_what_is_no_json(self):
        for body in (b"{", b"hello", b'{"input": "a"} x', b'{"input": "\xff"}', b"[" * 100000):
            with self.subTest(body=body[:20]):
                answer = self.hostler.post("/v1/audio/speech", body, {"Content-Type": "application/json"})
                self.assert_error(answer, 400)
        for body in (b"[]", b"null", b'"x"'):
            with self.subTest(body=body):
                self.assert_error(self.hostler.post("/v1/audio/speech", body, {"Content-Type": "application/json"}), 422)

    def test_another_content_type(self):
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
            answer = self.hostler.post("/v1/audio/speech", b'{"input":"x"}', {"Content-Type": content_type})
            self.assert_error(answer, 415, "unsupported_media_type", message=content_type)
        self.assertEqual(self.hostler.post("/v1/audio/speech", b'{"input":"x"}', {"Content-Type": "application/json; charset=utf-8"}).status, 200)
        self.assertEqual(self.hostler.post("/v1/audio/speech", b'{"input":"x"}').status, 200)  # none at all

    def test_a_body_that_is_too_large(self):
        answer = self.hostler.post("/v1/audio/speech", json.dumps({"input": "x" * (9 << 20)}).encode(), {"Content-Type": "application/json"})
        self.assert_error(answer, 413)

    def test_the_limit_of_the_text_can_be_moved(self):
        hostler = self.start(fake("one"), speech__max_input_length=5)
        self.assertEqual(hostler.speak("one", "12345").status, 200)
        self.assert_error(hostler.speak("one", "123456"), 400, param="input", message="limit is 5")


if __name__ == "__main__":
    house.main()
