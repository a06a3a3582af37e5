#!/usr/bin/python3
"""POST /v1/audio/transcriptions: every shape of the answer, every container, and files that are none."""

import os
import re
import socket

import house
from house import fake

# What may be said: PocketSphinx tells these apart, it does not take down whatever is said.
PHRASES = "#JSGF V1.0; grammar p; public <p> = three one four | nine two six | seven five zero | good morning;"


class Transcription(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("ear", type="stt"), fake("voice"), server__max_upload_mb=1)
        cls.words = cls.say("three one four")
        cls.tone = cls.hostler.post("/v1/audio/speech", {"model": "voice", "input": "x" * 50, "response_format": "wav"}).body  # 2.5 s

    @classmethod
    def say(cls, text, name="wav"):
        return cls.hostler.post("/v1/audio/speech", {"model": "espeak", "input": text, "response_format": name}).body

    def hear(self, audio=None, **fields):
        return self.hostler.transcribe(audio or self.words, **{"model": "pocketsphinx", "grammar": PHRASES, **fields})

    # -- shapes --

    def test_json_is_the_text_alone(self):
        answer = self.hear()
        self.assertEqual((answer.status, answer.headers["Content-Type"], answer.json), (200, "application/json", {"text": "three one four"}))

    def test_text(self):
        answer = self.hear(response_format="text")
        self.assertEqual((answer.headers.get_content_type(), answer.text), ("text/plain", "three one four\n"))

    def test_verbose_json_with_word_times(self):
        verbose = self.hear(response_format="verbose_json", **{"timestamp_granularities[]": ["word", "segment"]}).json
        self.assertEqual((verbose["task"], verbose["text"]), ("transcribe", "three one four"))
        self.assertEqual([word["word"] for word in verbose["words"]], ["three", "one", "four"])
        times = [time for word in verbose["words"] for time in (word["start"], word["end"])]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[-1], times[0])
        self.assertLessEqual(times[-1], verbose["duration"] + 0.1)
        segment = verbose["segments"][0]
        self.assertEqual(set(segment), {"id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"})
        self.assertNotIn("words", self.hear(response_format="verbose_json").json)

    def test_subtitles(self):
        srt = self.hostler.transcribe(self.tone, model="ear", response_format="srt")
        self.assertEqual(srt.headers.get_content_type(), "text/plain")
        self.assertEqual(srt.text, "1\n00:00:00,000 --> 00:00:01,000\nsecond 1\n\n2\n00:00:01,000 --> 00:00:02,000\nsecond 2\n\n"
                                   "3\n00:00:02,000 --> 00:00:02,500\nsecond 3\n\n")
        vtt = self.hostler.transcribe(self.tone, model="ear", response_format="vtt")
        self.assertEqual(vtt.headers.get_content_type(), "text/vtt")
        self.assertTrue(vtt.text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsecond 1\n\n"), vtt.text)

    def test_default_model_and_aliases(self):
        self.assertEqual(self.hear(model="whisper-1").json, {"text": "three one four"})
        self.assertEqual(self.hostler.transcribe(self.words, grammar=PHRASES).json, {"text": "three one four"})

    # -- containers --

    def test_what_people_record_with(self):
        for name in ("mp3", "opus", "flac", "aac", "m4a"):
            with self.subTest(format=name):
                self.assertEqual(self.hear(self.say("nine two six", name)).json, {"text": "nine two six"})

    # -- wrong requests --

    def test_a_file_that_is_no_audio(self):
        for junk in (b"this is a text\n" * 100, bytes(range(256)) * 40, os.urandom(5000), b"RIFF\xff\xff\xff\xffWAVE", self.words[:30], b"%PDF-1.4", b"\0"):
            with self.subTest(junk=junk[:12]):
                self.assert_error(self.hear(junk), 400, param="file")

    def test_a_file_that_breaks_off_is_used_as_far_as_it_goes(self):
        for name in ("wav", "mp3", "opus"):
            with self.subTest(format=name):
                whole = self.say("three one four", name)
                answer = self.hostler.transcribe(whole[:len(whole) * 3 // 4], model="ear", response_format="verbose_json")
                self.assertEqual(answer.status, 200, answer)
                self.assertGreater(answer.json["duration"], 0.3)

    def test_an_empty_file(self):
        self.assert_error(self.hostler.transcribe(b"", model="ear"), 400, param="file", message="empty")

    def test_no_file(self):
        self.assert_error(self.hostler.form("/v1/audio/transcriptions", {"model": "ear"}), 422, "validation_error", "file")

    def test_fields_that_are_wrong(self):
        self.assert_error(self.hear(response_format="xml"), 400, param="response_format", message="xml")
        self.assert_error(self.hear(temperature="warm"), 422, "validation_error", "temperature")
        self.assert_error(self.hear(temperature="7"), 422, "validation_error", "temperature")
        self.assert_error(self.hear(**{"timestamp_granularities[]": "letter"}), 422, param="timestamp_granularities[]")
        self.assert_error(self.hear(model="nobody"), 404, "model_not_found")
        self.assert_error(self.hear(model="espeak"), 400, param="model", message="does not transcribe")
        self.assert_error(self.hear(grammar="this is no grammar"), 400)
        answer = self.hear(chunking_strategy="auto")
        self.assertEqual((answer.status, answer.headers["X-Hostler-Ignored-Fields"]), (200, "chunking_strategy"))

    def test_what_is_no_form(self):
        path = "/v1/audio/transcriptions"
        self.assert_error(self.hostler.post(path, {"file": "x"}), 415)
        self.assert_error(self.hostler.post(path, b"x", {"Content-Type": "multipart/form-data"}), 400)
        self.assert_error(self.hostler.post(path, b"no boundary in here", {"Content-Type": "multipart/form-data; boundary=xyz"}), 400)
        self.assert_error(self.hostler.post(path, b'--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\nhalf', {"Content-Type": "multipart/form-data; boundary=xyz"}), 400)

    def test_an_upload_over_the_limit(self):
        self.assert_error(self.hear(b"\0" * (2 << 20)), 413)
        self.assertEqual(self.hear().status, 200)

    def test_an_upload_that_is_announced_too_large_is_refused_at_once(self):
        raw = self.hostler.socket(b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                                  b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
        self.assertTrue(raw.recv(1000).startswith(b"HTTP/1.1 413"))
        raw.close()

    def test_half_an_upload_leaves_nothing(self):
        content_type, body = house.multipart({"file": ("a.wav", self.words), "model": "ear"})
        head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        raw = self.hostler.socket(head.encode() + body[:len(body) // 2])
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := raw.recv(1000):
            answer += piece
        raw.close()
        self.assertTrue(not answer or re.match(rb"HTTP/1.1 400 ", answer), answer)
        house.eventually(lambda: not list((self.hostler.home / "tmp").glob("*")), "the half upload to be removed")
        self.assertEqual(self.hear().json, {"text": "three one four"})

    def test_translation_needs_a_model_that_can(self):
        answer = self.hostler.form("/v1/audio/translations", {"file": ("a.wav", self.tone), "model": "ear", "response_format": "verbose_json"})
        self.assertEqual((answer.status, answer.json.get("task")), (200, "translate"))
        self.assert_error(self.hostler.form("/v1/audio/translations", {"file": ("a.wav", self.words), "model": "pocketsphinx"}), 400)


if __name__ == "__main__":
    house.main()
