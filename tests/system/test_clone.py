#!/usr/bin/python3
"""Voices of one's own: cloned from a recording, designed from words, blended of others; and models that cannot do that."""

import base64
import json
import unittest

import house
import sounds
from house import fake

CLONE = "/v1/audio/speech/clone"


class Cloning(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("one"), fake("plain", cannot="clone,design,instructions,speed_control"), fake("mixer", blends=True),
                                       **{"speech.max_reference_s": 3, "server.max_upload_mb": 4})

    def clone(self, audio=None, query="", **fields):
        form = {"input": "hello there", "model": "one", "response_format": "pcm", **fields}
        if audio is not None:
            form["reference_audio"] = ("clip", audio)
        return self.hostler.form(CLONE + query, form)

    def say(self, **body):
        return self.hostler.post("/v1/audio/speech", {"input": "hello there", "model": "one", "response_format": "pcm", **body})

    # -- the form --

    def test_it_speaks_like_the_recording(self):
        for pitch in (150, 400):
            answer = self.clone(sounds.tone(pitch), transcript="la la la")
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "audio/pcm"), answer)
            self.assertAlmostEqual(sounds.pitch_of(answer.body), pitch, delta=8)
        house.eventually(lambda: self.hostler.logs(q="heard a reference of 16000 samples: la la la"), "the engine's line")

    def test_any_format_at_any_rate(self):
        for name in ("mp3", "opus", "flac", "m4a"):
            clip = self.hostler.post("/v1/audio/speech?stream=false", {"input": "x" * 20, "model": "one", "voice": "fake-1", "response_format": name}).body
            answer = self.clone(clip)
            self.assertEqual(answer.status, 200, answer)
            self.assertAlmostEqual(sounds.pitch_of(answer.body), 220, delta=8, msg=name)
        answer = self.clone(sounds.tone(250, rate=44100))
        self.assertAlmostEqual(sounds.pitch_of(answer.body), 250, delta=8)

    def test_it_is_sent_in_any_format_and_whole_if_wanted(self):
        answer = self.clone(sounds.tone(), "?stream=false", response_format="wav")
        self.assertEqual((answer.status, answer.headers["Content-Type"], int(answer.headers["Content-Length"])), (200, "audio/wav", len(answer.body)))
        self.assertEqual(self.clone(sounds.tone(), response_format="mp3").headers["Content-Type"], "audio/mpeg")

    def test_speed(self):
        normal, fast = (sounds.seconds(self.clone(sounds.tone(), speed=speed).body) for speed in ("1", "2"))
        self.assertAlmostEqual(fast, normal / 2, delta=0.05)

    def test_recordings_that_are_none(self):
        self.assert_error(self.clone(), 400, param="reference_audio", message="no recording")
        self.assert_error(self.clone(b""), 400, param="reference_audio", message="empty")
        self.assert_error(self.clone(b"<!doctype html>" * 50), 400, param="reference_audio")
        self.assert_error(self.clone(sounds.tone()[:30]), 400, param="reference_audio")
        self.assert_error(self.clone(sounds.tone(seconds=0.3)), 400, param="reference_audio", message="0.30 s long")
        self.assert_error(self.clone(sounds.tone(seconds=4)), 413, param="reference_audio")
        self.assert_error(self.clone(b"x" * (5 << 20)), 413)

    def test_fields_that_are_wrong(self):
        tone = sounds.tone()
        self.assert_error(self.clone(tone, input=""), 400, param="input")
        self.assert_error(self.clone(tone, input="x" * 5000), 400, param="input", message="5000")
        self.assert_error(self.clone(tone, speed="fast"), 422, "validation_error", "speed")
        self.assert_error(self.clone(tone, speed="9"), 422, "validation_error", "speed")
        self.assert_error(self.clone(tone, response_format="midi"), 400, param="response_format")
        self.assert_error(self.clone(tone, model="nobody"), 404, "model_not_found")
        self.assert_error(self.clone(tone, input=["one", "two"]), 422, "validation_error", "input")
        self.assert_error(self.clone(tone, input=("text.txt", b"hello")), 422, "validation_error", "input")
        self.assert_error(self.clone(voice_library_ref="nobody"), 404, param="voice_library_ref")

    def test_what_is_passed_over_is_said(self):
        answer = self.clone(sounds.tone(), voice="Ryan", mood="sunny", voice_library_ref="x")
        self.assertEqual(answer.status, 200, answer)
        named = ", ".join(answer.headers.get_all("X-Hostler-Ignored-Fields"))
        self.assertEqual(set(named.split(", ")), {"voice", "mood", "voice_library_ref"})

    # -- JSON --

    def test_in_json(self):
        answer = self.say(reference_audio=base64.b64encode(sounds.tone(180)).decode(), clone_transcript="la")
        self.assertEqual(answer.status, 200, answer)
        self.assertAlmostEqual(sounds.pitch_of(answer.body), 180, delta=8)
        self.assert_error(self.say(reference_audio="%%%"), 400, param="reference_audio", message="base64")
        self.assert_error(self.say(reference_audio=""), 400, param="reference_audio")
        self.assertIn("/v1/audio/speech/clone", self.assert_error(self.say(reference_audio="A" * (9 << 20)), 413)["remedy"])
        self.assert_error(self.say(sample="nobody"), 404, param="sample")
        self.assert_error(self.say(sample="a", reference_audio="AAAA"), 422, param="reference_audio")
        self.assert_error(self.say(clone_transcript="la"), 422, param="clone_transcript")

    def test_design(self):
        answer = self.say(voice_design="an old sailor")
        self.assertAlmostEqual(sounds.pitch_of(answer.body), 440, delta=8)
        self.assert_error(self.say(voice_design=" "), 422, param="voice_design")
        self.assert_error(self.say(voice_design="x", sample="y"), 422, param="voice_design")

    # -- models that cannot --

    def test_the_words_of_models_that_cannot(self):
        tone = base64.b64encode(sounds.tone()).decode()
        for model, backend in (("espeak", "espeak"), ("plain", "custom")):
            self.assert_error(self.say(model=model, reference_audio=tone), 400, "unsupported", "reference_audio", f"^Voice cloning is not supported by the {backend} backend.$")
            self.assert_error(self.say(model=model, voice_design="x"), 400, "unsupported", "voice_design", f"^voice_design is not supported by the {backend} backend.$")
            self.assert_error(self.clone(sounds.tone(), model=model), 400, "unsupported", message="^Voice cloning is not supported")
        self.assert_error(self.say(model="plain", speed=2), 400, "unsupported", "speed")
        self.assertEqual(self.say(model="plain", speed=1).status, 200)

    def test_instructions_are_passed_over_and_named(self):
        answer = self.say(model="espeak", instructions="whisper", mood="x")
        self.assertEqual(answer.status, 200)
        self.assertEqual(", ".join(answer.headers.get_all("X-Hostler-Ignored-Fields")), "mood, instructions")
        told = self.say(instructions="whisper")
        self.assertIsNone(told.headers["X-Hostler-Ignored-Fields"])
        house.eventually(lambda: self.hostler.logs(q="is told: whisper"), "the engine's line")

    # -- blends --

    def test_blends(self):
        blend = lambda voice, **more: self.say(model="mixer", voice=voice, **more)  # noqa: E731
        answer = blend("fake-1(1)+fake-2(3)")
        self.assertEqual((answer.status, answer.headers["X-Hostler-Voice"]), (200, "fake-1%281%29%2Bfake-2%283%29"), answer)
        self.assertAlmostEqual(sounds.pitch_of(answer.body), 137.5, delta=5)
        self.assertAlmostEqual(sounds.pitch_of(blend("fake-1+fake-2").body), 165, delta=5)
        for wrong in ("fake-1(", "fake-1(x)+fake-2", "+fake-1", "fake-1(0)", "fake-1++fake-2", "fake-1(1)+"):
            self.assert_error(blend(wrong), 422, "validation_error", "voice")
        self.assert_error(blend("fake-1+nobody"), 404, param="voice")

    def test_blends_of_models_that_do_not(self):
        for voice in ("fake-1(1)+fake-2(1)", "fake-1+fake-2", "fake-1(2)"):
            self.assert_error(self.say(voice=voice), 400, "unsupported", "voice", "Voice blending is not supported by the custom backend")
        self.assertEqual(self.say(model="espeak", voice="en-us+f3").status, 200, "a plus in a voice's own name is none")
        self.assert_error(self.say(voice="fake-1+nobody"), 404, param="voice")


class Events(house.Test):
    def test_server_sent_events(self):
        hostler = self.start(fake("one", chunks=5, chunk_ms=10), fake("breaks", chunks=5, fail_at_chunk=3))
        ask = {"input": "hi", "voice": "fake-1", "response_format": "pcm"}
        connection, response = hostler.open("POST", "/v1/audio/speech", {**ask, "model": "one", "stream_format": "sse"})
        self.assertEqual((response.status, response.headers["Content-Type"], response.headers["X-Hostler-Audio-Type"]), (200, "text/event-stream", "audio/pcm"))
        events = [event[2] for event in iter(house.Events(connection, response).next, None)]
        connection.close()
        self.assertEqual({event["type"] for event in events[:-1]}, {"speech.audio.delta"})
        self.assertEqual(events[-1], {"type": "speech.audio.done"})
        self.assertGreaterEqual(len(events), 4)
        audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
        self.assertEqual(audio, hostler.post("/v1/audio/speech", {**ask, "model": "one"}).body)
        # An error in the middle is told, and the stream ends as it should.
        connection, response = hostler.open("POST", "/v1/audio/speech", {**ask, "model": "breaks", "stream_format": "sse"})
        events = [json.loads(line[6:]) for line in response.read().decode().splitlines() if line.startswith("data: ")]
        connection.close()
        self.assertEqual((events[0]["type"], events[-1]["type"]), ("speech.audio.delta", "error"))
        self.assertTrue(events[-1]["error"]["message"])
        # One before the first sound is the answer.
        self.assert_error(hostler.post("/v1/audio/speech", {**ask, "model": "nobody", "stream_format": "sse"}), 404)
        self.assert_error(hostler.post("/v1/audio/speech", {**ask, "model": "one", "stream_format": "json"}), 400, param="stream_format")


if __name__ == "__main__":
    unittest.main()
