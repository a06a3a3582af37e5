#!/usr/bin/python3
"""POST /v1/audio/transcriptions: every shape of the answer, every container, and files that are none."""

import json
import os
import pathlib
import re
import socket

import house
from house import fake
from sounds import silent_flac

# What may be said: PocketSphinx tells these apart, it does not take down whatever is said.
PHRASES = "#JSGF V1.0; grammar p; public <p> = three one four | nine two six | seven five zero | good morning;"


def data_of(text):
    """The JSON of each server-sent event."""
    return [json.loads(line[len(b"data: "):]) for line in text.splitlines() if line.startswith(b"data: ")]


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
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        self.assertEqual(answer.json, {"text": "three one four", "usage": {"type": "duration", "seconds": 1}})

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
        self.assertEqual(self.hear(model="whisper-1").json["text"], "three one four")
        self.assertEqual(self.hostler.transcribe(self.words, grammar=PHRASES).json["text"], "three one four")

    # -- while it is heard --

    def stream(self, **fields):
        """The events of a stream, and how it ended."""
        content_type, body = house.multipart({"file": ("a.wav", self.tone), "model": "ear", "stream": "true", **fields})
        connection, response = self.hostler.open("POST", "/v1/audio/transcriptions", body, {"Content-Type": content_type})
        self.addCleanup(connection.close)
        return response

    def test_a_stream_tells_segments_and_then_the_whole(self):
        response = self.stream()
        self.assertEqual((response.status, response.headers["Content-Type"]), (200, "text/event-stream"))
        events = data_of(response.read())
        self.assertEqual([event["type"] for event in events], ["transcript.text.delta"] * 3 + ["transcript.text.done"])
        self.assertEqual("".join(event["delta"] for event in events[:-1]), "second 1 second 2 second 3")
        self.assertEqual(events[-1]["usage"], {"type": "duration", "seconds": 3})
        self.assertIn("40000 samples", events[-1]["text"])

    def test_a_stream_comes_while_the_model_still_listens(self):
        hostler = self.start(fake("slow", type="stt", chunk_ms=300), fake("voice"))
        content_type, body = house.multipart({"file": ("a.wav", self.tone), "model": "slow", "stream": "true"})
        connection, response = hostler.open("POST", "/v1/audio/transcriptions", body, {"Content-Type": content_type})
        first = response.readline()
        self.assertIn(b"transcript.text.delta", first)
        messages = lambda: [line["message"] for line in hostler.logs()]
        self.assertFalse(any("ends: heard" in message for message in messages()), "it was told before the end")
        connection.close()
        house.eventually(lambda: any("cancelled after" in message for message in messages()), "the engine to notice that nobody listens")

    def test_a_stream_that_fails(self):
        hostler = self.start(fake("slow", type="stt", chunk_ms=300), fake("first", type="stt", fail_at_chunk=0))
        content_type, body = house.multipart({"file": ("a.wav", self.tone), "model": "slow", "stream": "true"})
        raw = hostler.socket(f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        text = b""
        while b"second 1" not in text:
            text += raw.recv(4096)
        engine = next(pid for pid, command in house.processes_of(hostler.home) if "fake" in command)
        os.kill(engine, 9)
        try:
            while piece := raw.recv(4096):
                text += piece
        except ConnectionResetError:
            pass
        raw.close()
        self.assertIn(b"event: error", text)
        self.assertIn(b"died", text)
        self.assertNotIn(b"transcript.text.done", text)
        self.assertFalse(text.endswith(b"0\r\n\r\n"), "half a text must not look whole")
        answer = hostler.form("/v1/audio/transcriptions", {"file": ("a.wav", self.tone), "model": "first", "stream": "true"})
        self.assertGreaterEqual(answer.status, 500, "an error before the first word is an ordinary answer")

    def test_what_a_stream_cannot_be(self):
        for fields in ({"response_format": "srt"}, {"response_format": "verbose_json"}, {"diarize": "true"}):
            with self.subTest(fields):
                self.assert_error(self.hostler.transcribe(self.tone, model="ear", stream="true", **fields), 400, param="stream")
        self.assert_error(self.hostler.transcribe(self.tone, model="ear", stream="perhaps"), 422, param="stream")

    # -- who said what --

    def test_speakers(self):
        hostler = self.start(fake("ear", type="stt"), fake("who", type="stt"), models__default_diarization="who")
        answer = hostler.transcribe(self.tone, model="ear", diarize="true").json
        self.assertEqual(set(answer), {"text", "segments"})
        self.assertEqual([(segment["speaker"], segment["text"]) for segment in answer["segments"]],
                         [("SPEAKER_00", "second 1"), ("SPEAKER_00", "second"), ("SPEAKER_01", "2"), ("SPEAKER_01", "second 3")])
        times = [time for segment in answer["segments"] for time in (segment["start"], segment["end"])]
        self.assertEqual(times, sorted(times))
        in_query = hostler.form("/v1/audio/transcriptions?diarize=true", {"file": ("a.wav", self.tone), "model": "ear"})
        self.assertEqual(in_query.json, answer)
        alone = hostler.transcribe(self.tone, model="ear", diarize="true", speakers="1").json
        self.assertEqual({segment["speaker"] for segment in alone["segments"]}, {"SPEAKER_00"})
        diarized = hostler.transcribe(self.tone, model="ear", response_format="diarized_json").json
        self.assertEqual((diarized["task"], diarized["duration"], diarized["usage"]["seconds"]), ("transcribe", 2.5, 3))
        self.assertEqual([(segment["id"], segment["speaker"], segment["type"]) for segment in diarized["segments"]],
                         [(f"seg_{number}", speaker, "transcript.text.segment") for number, speaker in ((1, "A"), (2, "A"), (3, "B"), (4, "B"))])

    def test_speakers_without_a_model_for_them(self):
        self.assert_error(self.hostler.transcribe(self.tone, model="ear", diarize="true"), 400, param="diarize", message="no model is set")
        self.assert_error(self.hostler.transcribe(self.words, model="ear", diarize="true", diarization_model="pocketsphinx"), 400, param="diarize", message="does not tell")
        self.assert_error(self.hostler.transcribe(self.words, model="ear", diarize="true", diarization_model="voice"), 400, param="diarize")
        self.assert_error(self.hostler.transcribe(self.words, model="ear", diarize="true", diarization_model="nobody"), 404)
        self.assert_error(self.hostler.transcribe(self.words, model="ear", diarize="maybe"), 422, param="diarize")
        self.assert_error(self.hostler.transcribe(self.words, model="ear", diarize="true", speakers="0"), 422, param="speakers")

    # -- long ones --

    def test_hours_in_little_memory(self):
        hostler = self.start(fake("ear", type="stt"))
        hostler.transcribe(self.tone, model="ear")  # the codecs are opened
        status = pathlib.Path(f"/proc/{hostler.pid}/status")
        memory_mb = lambda what: int(re.search(rf"{what}:\s+(\d+)", status.read_text())[1]) >> 10
        before = memory_mb("VmRSS")
        answer = hostler.transcribe(silent_flac(3 * 3600), model="ear", response_format="verbose_json").json
        self.assertGreaterEqual(answer["duration"], 3 * 3600)
        starts = [segment["start"] for segment in answer["segments"]]
        self.assertEqual(len(starts), len(answer["segments"]))
        self.assertEqual(starts, sorted(starts))
        self.assertEqual([segment["id"] for segment in answer["segments"]], list(range(len(starts))))
        self.assertGreater(starts[-1], 3 * 3600 - 2)
        if not house.SANITIZED:
            self.assertLess(memory_mb("VmHWM") - before, 280, "they are 330 MB as samples")

    # -- containers --

    def test_what_people_record_with(self):
        for name in ("mp3", "opus", "flac", "aac", "m4a"):
            with self.subTest(format=name):
                self.assertEqual(self.hear(self.say("nine two six", name)).json["text"], "nine two six")

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
        self.assertEqual(self.hear().json["text"], "three one four")

    def test_translation_needs_a_model_that_can(self):
        answer = self.hostler.form("/v1/audio/translations", {"file": ("a.wav", self.tone), "model": "ear", "response_format": "verbose_json"})
        self.assertEqual((answer.status, answer.json.get("task")), (200, "translate"))
        self.assert_error(self.hostler.form("/v1/audio/translations", {"file": ("a.wav", self.words), "model": "pocketsphinx"}), 400)


if __name__ == "__main__":
    house.main()
