#!/usr/bin/python3
"""Whisper as people use it: a file in models/, the routes of OpenAI, files that are broken. The models are tiny and say one text for
every 30 s (tests/models/tiny_whisper.py)."""

import math
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import tempfile

import house
import shelves
from house import fake
from test_transcription import data_of

MODELS = house.BIN.parent / "models" / "tiny_whisper"
SCRIPT = "one two three four"


def wav(seconds, loud=((0, 1e9),), rate=16000):
    """A tone where it is loud, else silence."""
    samples = [int(9000 * math.sin(0.13 * i)) if any(begin <= i / rate < end for begin, end in loud) else 0 for i in range(int(seconds * rate))]
    data = struct.pack(f"<{len(samples)}h", *samples)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", len(data) + 36, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data", len(data)) + data


class Whisper(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.new_shared(fake("who", type="stt"), models__default_stt="tiny", models__default_diarization="who")
        folder = cls.hostler.home / "models"
        (folder / "tiny").mkdir(parents=True)
        for name in ("ggml-tiny-test.bin", "ggml-silero-test.bin"):
            shutil.copy(MODELS / name, folder / "tiny" / name)
        shutil.copy(MODELS / "ggml-tiny-test.en.bin", folder / "ggml-tiny-test.en.bin")
        whole = (MODELS / "ggml-tiny-test.bin").read_bytes()
        for name, content in cls.broken(whole).items():
            (folder / name).write_bytes(content)
        cls.hostler.start()
        cls.sound = wav(6)

    @staticmethod
    def broken(whole):
        """What lies in models/ and is taken for whisper by its head, or by a person who writes it into the configuration."""
        bent = {name: whole[:size] for name, size in (("half.bin", len(whole) // 2), ("nearly.bin", len(whole) - 1), ("head.bin", 100))}
        huge = bytearray(whole)
        huge[48:52] = struct.pack("<i", 80)  # mel filters
        huge[56 + 80 * 201 * 4:60 + 80 * 201 * 4] = struct.pack("<i", 0x7FFFFFFF)  # words
        bent["words.bin"] = bytes(huge)
        other = bytearray(whole)
        at = whole.index(b"decoder.ln.bias")
        other[at:at + 15] = b"decoder.ln.bios"
        bent["tensor.bin"] = bytes(other)
        return bent

    def hear(self, audio=None, **fields):
        return self.hostler.transcribe(audio or self.sound, **fields)

    def test_what_lies_in_models_is_found(self):
        rows = {row["id"]: row for row in self.hostler.get("/api/models").json["models"]}
        for model in ("tiny", "ggml-tiny-test.en.bin"):
            self.assertEqual((rows[model]["type"], rows[model]["provider"]), ("stt", "faster-whisper"), model)
        capabilities = self.hostler.get("/capabilities?model_id=tiny")
        if capabilities.status == 200:
            self.assertIn("yue", capabilities.json["languages"])

    def test_every_format(self):
        answer = self.hear()
        self.assertEqual((answer.status, answer.json), (200, {"text": SCRIPT, "usage": {"type": "duration", "seconds": 6}}))
        self.assertEqual(self.hear(model="whisper-1").json["text"], SCRIPT)
        self.assertEqual(self.hear(response_format="text").text, SCRIPT + "\n")
        self.assertEqual(self.hear(response_format="srt").text,
                         "1\n00:00:00,000 --> 00:00:02,000\none two\n\n2\n00:00:02,000 --> 00:00:04,000\nthree four\n\n")
        self.assertEqual(self.hear(response_format="vtt").text,
                         "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\none two\n\n00:00:02.000 --> 00:00:04.000\nthree four\n\n")
        verbose = self.hear(response_format="verbose_json", **{"timestamp_granularities[]": ["word", "segment"]}).json
        self.assertEqual((verbose["language"], verbose["duration"], verbose["text"]), ("de", 6.0, SCRIPT))
        self.assertEqual([segment["text"] for segment in verbose["segments"]], ["one two", " three four"])
        self.assertTrue(all(-0.2 < segment["avg_logprob"] <= 0 for segment in verbose["segments"]))
        self.assertEqual([word["word"] for word in verbose["words"]], SCRIPT.split())
        times = [time for word in verbose["words"] for time in (word["start"], word["end"])]
        self.assertEqual(times, sorted(times))

    def test_other_containers_and_rates(self):
        speech = self.hostler.post("/v1/audio/speech", {"model": "espeak", "input": "hello there, " * 10, "response_format": "mp3"}).body
        self.assertEqual(self.hear(speech).json["text"], SCRIPT)
        self.assertEqual(self.hear(wav(5, rate=44100)).json["text"], SCRIPT)

    def test_a_stream(self):
        content_type, body = house.multipart({"file": ("a.wav", self.sound), "stream": "true"})
        connection, response = self.hostler.open("POST", "/v1/audio/transcriptions", body, {"Content-Type": content_type})
        events = data_of(response.read())
        connection.close()
        self.assertEqual([event.get("delta") for event in events], ["one two", " three four", None])
        self.assertEqual(events[-1]["text"], SCRIPT)

    def test_languages_and_translation(self):
        self.assertEqual(self.hear(language="fr", response_format="verbose_json").json["language"], "fr")
        self.assert_error(self.hear(language="frensh"), 400, param="language", message="frensh")
        self.assertIn("french", self.hear(language="frensh").json["error"]["remedy"])
        translated = self.hostler.form("/v1/audio/translations", {"file": ("a.wav", self.sound)})
        self.assertEqual(translated.json["text"], "café au lait")
        english = "ggml-tiny-test.en.bin"
        self.assertEqual(self.hear(model=english).json["text"], SCRIPT)
        self.assert_error(self.hear(model=english, language="de"), 400, param="language")
        self.assert_error(self.hostler.form("/v1/audio/translations", {"file": ("a.wav", self.sound), "model": english}), 400, param="translate")

    def test_silence_can_be_left_out(self):
        sound = wav(12, loud=((8, 11),))
        verbose = self.hear(sound, vad="true", response_format="verbose_json").json
        self.assertGreater(verbose["segments"][0]["start"], 7.5)
        self.assertEqual(verbose["duration"], 12)
        self.assertEqual(self.hear(wav(3, loud=()), vad="true").json["text"], "")
        refused = self.hear(model="ggml-tiny-test.en.bin", vad="true")
        self.assert_error(refused, 400, param="vad")
        self.assertIn("vad_model", refused.json["error"]["remedy"])

    def test_who_said_what(self):
        answer = self.hear(diarize="true").json
        self.assertEqual(" ".join(segment["text"] for segment in answer["segments"]), SCRIPT)
        self.assertEqual({segment["speaker"] for segment in answer["segments"]}, {"SPEAKER_00", "SPEAKER_01"})

    def test_files_that_are_broken_say_so_and_harm_nobody(self):
        self.assertEqual(self.hear().status, 200)
        for name, reason in (("half.bin", "cut off"), ("nearly.bin", "cut off"), ("head.bin", "cut off"), ("words.bin", "words"), ("tensor.bin", "bios")):
            with self.subTest(name):
                answer = self.hear(model=name)
                self.assertGreaterEqual(answer.status, 400)
                self.assertIn(reason, answer.json["error"]["message"])
        self.assertEqual(self.hear().json["text"], SCRIPT)
        self.assertEqual(self.hostler.crashes(), [])

    def test_files_that_are_something_else(self):
        other = {"page": b"<!DOCTYPE html><html>not found</html>", "empty": b"", "gguf": b"GGUF\3\0\0\0" + b"\0" * 100, "junk": os.urandom(5000),
                 "silero": (MODELS / "ggml-silero-test.bin").read_bytes()}
        folder = tempfile.mkdtemp(prefix="hostler-test-")
        self.addCleanup(shutil.rmtree, folder)
        entries = []
        for name, content in other.items():
            path = pathlib.Path(folder) / name
            path.write_bytes(content)
            entries.append({"id": name, "type": "stt", "engine": "hostler-engine-whisper", "path": str(path)})
        entries.append({"id": "folder", "type": "stt", "engine": "hostler-engine-whisper", "path": str(folder)})
        hostler = self.start(fake("ear", type="stt"), *entries)
        for name, reason in (("page", "web page"), ("empty", "empty"), ("gguf", "GGUF"), ("junk", "no ggml file"), ("silero", "vocabulary"), ("folder", "no whisper model")):
            with self.subTest(name):
                answer = hostler.transcribe(self.sound, model=name)
                self.assertGreaterEqual(answer.status, 400)
                self.assertIn(reason, answer.json["error"]["message"])
                self.assertTrue(answer.json["error"]["remedy"])
        self.assertEqual(hostler.transcribe(self.sound, model="ear").status, 200)

    def test_heads_that_were_bent(self):
        whole = (MODELS / "ggml-tiny-test.en.bin").read_bytes()
        tensors = whole.index(b"encoder.positional_embedding") - 20
        chance = random.Random(7)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hostler-test-"))
        self.addCleanup(shutil.rmtree, folder)
        entries = []
        for number in range(12):
            bent = bytearray(whole)
            for _ in range(1 + number % 3):
                at = chance.choice((chance.randrange(4, 60), tensors + chance.randrange(20), chance.randrange(60 + 80 * 201 * 4, tensors)))
                bent[at] = chance.randrange(256)
            (folder / f"{number}.bin").write_bytes(bent)
            entries.append({"id": f"bent-{number}", "type": "stt", "engine": "hostler-engine-whisper", "path": str(folder / f"{number}.bin"), "options": {"beam_size": 1}})
        hostler = self.start(fake("ear", type="stt"), *entries)
        for entry in entries:
            with self.subTest(entry["id"]):
                answer = hostler.transcribe(self.sound, model=entry["id"])
                if answer.status != 200:
                    self.assertTrue(answer.json["error"]["message"])
                self.assertEqual(hostler.transcribe(self.sound, model="ear").status, 200)
        self.assertEqual([crash["model"] for crash in hostler.crashes()], [], "every one was refused, or heard; none ended the engine")

    def test_it_keeps_the_engine_protocol(self):
        base = pathlib.Path(tempfile.mkdtemp(prefix="hostler-test-"))
        self.addCleanup(shutil.rmtree, base)
        (base / "models" / "tiny").mkdir(parents=True)
        shutil.copy(MODELS / "ggml-tiny-test.bin", base / "models" / "tiny" / "ggml-tiny.bin")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        engine = subprocess.Popen([house.BIN / "hostler-engine-whisper", "--host", "127.0.0.1", "--port", str(port), "--base", base, "--threads", "1"],
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(engine.wait)
        self.addCleanup(engine.terminate)
        address = f"http://127.0.0.1:{port}"
        house.eventually(lambda: self.answers(port), "the engine to listen")
        checked = subprocess.run([house.HOSTLER, "conform", address, "--model", "tiny"], capture_output=True, text=True, timeout=house.LONG)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn("ok       POST /transcribe answers", checked.stdout)

    @staticmethod
    def answers(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except ConnectionRefusedError:
            return False

    def test_an_engine_that_is_killed_comes_back(self):
        hostler = self.start({"id": "w", "type": "stt", "engine": "hostler-engine-whisper", "path": str(MODELS / "ggml-tiny-test.bin"), "options": {"beam_size": 1}})
        self.assertEqual(hostler.transcribe(self.sound, model="w").json["text"], SCRIPT)
        engine = next(pid for pid, command in house.processes_of(hostler.home) if "whisper" in command)
        work = house.Background(lambda: hostler.transcribe(wav(240), model="w"))
        house.eventually(lambda: any("Transcription with" in line["message"] and "240" in line["message"] for line in hostler.logs()), "the work to begin")
        os.kill(engine, 9)
        self.assertGreaterEqual(work.result().status, 500)
        house.eventually(lambda: hostler.transcribe(self.sound, model="w").status == 200, "it to come back")
        self.assertIn("signal 9", hostler.wait_for_crash("w")["exit"]["text"])


class FromTheHub(shelves.Test):
    """The names that faster-whisper's users know: whisper.cpp's files are fetched for them."""

    def test_a_curated_model_is_fetched_loaded_and_heard_with(self):
        repo = self.hub.repo("ggerganov/whisper.cpp")
        repo.add("ggml-tiny.bin", (MODELS / "ggml-tiny-test.bin").read_bytes())
        repo.add("ggml-base.bin", b"not wanted")
        hostler = self.start_with()
        model = "Systran/faster-whisper-tiny"
        self.pull(hostler, model)
        self.assertEqual(hostler.transcribe(wav(5), model=model).json["text"], SCRIPT)
        self.assertIn(model, hostler.loaded())
        self.assertFalse([request for request in self.hub.requests if "ggml-base" in request.path])


if __name__ == "__main__":
    house.main()
