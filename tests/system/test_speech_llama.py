#!/usr/bin/python3
"""Speech of Qwen3-TTS and Pocket TTS through the daemon, with tiny models of random weights: voices of recordings, preset speakers and
descriptions; models found in models/; engines that are killed; files that are broken."""

import base64
import json
import math
import os
import pathlib
import shutil
import signal
import struct
import tempfile

import house
import shelves

MODELS = house.BIN.parent / "models"
ENGINE = "hostler-engine-llama"
FOLDERS = {"base": "tiny_qwen3tts/base", "custom": "tiny_qwen3tts/custom", "design": "tiny_qwen3tts/design", "pocket": "tiny_pocket"}


def tts(name, path=None, **options):
    return {"id": name, "type": "tts", "engine": ENGINE, "path": str(path or MODELS / FOLDERS[name]), "options": {"max_seconds": 1, **options}}


def tone(hertz, seconds=1.0, rate=24000):
    samples = b"".join(struct.pack("<h", int(9000 * math.sin(6.28318 * hertz * i / rate))) for i in range(int(seconds * rate)))
    return b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) + b"data" + struct.pack("<I", len(samples)) + samples


def loudness(pcm):
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    return math.sqrt(sum(s * s for s in samples) / len(samples)) / 32768


def clone(model, hertz=120, **more):
    return {"model_id": model, "text": "hello world", "reference_audio": base64.b64encode(tone(hertz)).decode(), **more}


class Speech(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(*(tts(name, seed=7) for name in FOLDERS),
                                       models__max_loaded=4)
        for name in FOLDERS:
            assert cls.hostler.load(name).status == 200, cls.hostler.stderr()

    def pcm(self, answer):
        self.assertEqual(answer.status, 200, answer)
        self.assertGreaterEqual(len(answer.body), 48000)
        return answer.body

    def speak(self, **body):
        return self.hostler.post("/v1/audio/speech", {"model": "custom", "input": "hello world", "response_format": "pcm", **body})

    def test_preset_speakers_speak(self):
        ryan, vivian = self.pcm(self.speak()), self.pcm(self.speak(voice="Vivian"))
        self.assertGreater(loudness(ryan), 0.003)
        self.assertNotEqual(ryan, vivian)
        self.assertEqual(vivian, self.pcm(self.speak(voice="vivian")), "the same seed says the same")
        self.assertNotEqual(vivian, self.pcm(self.speak(voice="Vivian", instructions="Whisper.")))
        voices = {voice["id"] for voice in self.hostler.get("/v1/audio/voices?model=custom").json["voices"]}
        self.assertEqual(voices, {"Dylan", "Ryan", "Serena", "Uncle_Fu", "Vivian"})
        for name in ("wav", "mp3"):
            self.assertEqual(self.speak(response_format=name).status, 200)

    def test_what_a_model_can_do_is_told(self):
        can = self.hostler.get("/api/tts/capabilities?model=base").json["capabilities"]
        self.assertEqual((can["voice_clone"], can["voice_design"], can["instructions"], can["streaming"]), (True, False, False, True))

    def test_a_recording_gives_the_voice(self):
        for model in ("base", "pocket"):
            with self.subTest(model=model):
                low, high = (self.pcm(self.hostler.post("/generate/clone", clone(model, hertz))) for hertz in (120, 900))
                self.assertNotEqual(low, high)
                self.assertGreater(loudness(low), 0.003)
                self.assert_error(self.hostler.post("/v1/audio/speech", {"model": model, "input": "x"}), 400, "unsupported")
                short = clone(model, reference_audio=base64.b64encode(tone(120, 0.1)).decode())
                self.assert_error(self.hostler.post("/generate/clone", short), 400)

    def test_a_description_gives_the_voice(self):
        say = {"model_id": "design", "text": "hello world"}
        deep, child = (self.pcm(self.hostler.post("/generate/design", {**say, "description": text})) for text in ("a deep voice", "a child"))
        self.assertNotEqual(deep, child)
        self.assertEqual(deep, self.pcm(self.speak(model="design", instructions="a deep voice")))

    def test_wrong_requests_are_told_what_is_wrong(self):
        error = self.assert_error(self.speak(voice="Vivin"), 404)
        self.assertIn("Vivian", error["remedy"])
        self.assert_error(self.speak(language="tlh"), 404)
        self.assert_error(self.speak(speed=2), 400)
        self.assert_error(self.hostler.post("/generate/clone", clone("custom")), 400)


class Found(house.Test):
    """Models that lie in models/ need no configuration."""

    def test_folders_with_a_model_and_its_mmproj_are_found_and_speak(self):
        hostler = self.new()
        for name, folder in FOLDERS.items():
            shutil.copytree(MODELS / folder, hostler.home / "models" / name)
        (hostler.home / "models/custom/model.gguf").rename(hostler.home / "models/custom/main.gguf")
        self.addCleanup(self.finish, hostler.start())
        rows = {row["id"]: row for row in hostler.get("/api/models").json["models"]}
        for name in FOLDERS:
            self.assertEqual((rows[name]["type"], rows[name]["provider"]), ("tts", "pocket-tts" if name == "pocket" else "qwen3"), rows[name])
        self.assertEqual(hostler.load("pocket").status, 200)
        answer = hostler.speak("custom", response_format="pcm")
        self.assertEqual(answer.status, 200, answer)
        self.assertGreater(loudness(answer.body), 0.003)
        answer = hostler.post("/generate/clone", clone("pocket"))
        self.assertEqual(answer.status, 200, answer)


class Pulled(shelves.Test):
    """A model as the hub's cache keeps it: two files of one revision, as links to blobs."""

    def test_a_downloaded_model_speaks(self):
        repo = self.hub.repo("lab/voices")
        for name, data in (("Tiny-Base-Q8_0.gguf", "model.gguf"), ("mmproj-Tiny-Base-Q8_0.gguf", "mmproj.gguf")):
            repo.add(name, (MODELS / FOLDERS["base"] / data).read_bytes())
        repo.add("mmproj-Tiny-Base-bf16.gguf", b"of another quantisation")
        hostler = self.start_with(shelves.entry("lab/voices", type="tts", engine=ENGINE, files=["*Q8_0.gguf"], main_file="Tiny-Base-Q8_0.gguf"))
        self.assertEqual(self.pull(hostler, "lab/voices")["status"], "completed")
        loaded = hostler.load("lab/voices")
        self.assertEqual(loaded.status, 200, loaded)
        answer = hostler.post("/generate/clone", clone("lab/voices", text="hello"))
        self.assertEqual(answer.status, 200, answer)
        self.assertGreater(loudness(answer.body), 0.003)


class Broken(house.Test):
    def test_an_engine_that_is_killed_cuts_its_answer_and_comes_back(self):
        hostler = self.start(tts("custom", seed=7, max_seconds=30), tts("pocket"))
        for name in ("custom", "pocket"):
            self.assertEqual(hostler.load(name).status, 200)
        self.assertEqual(hostler.post("/generate/clone", clone("pocket")).status, 200)
        text = "hello world the world " * 20
        connection, answer = hostler.open("POST", "/generate/control", {"model_id": "custom", "text": text})
        self.assertEqual(answer.status, 200)
        self.assertEqual(len(answer.read(4096)), 4096)
        os.kill(hostler.model("custom")["pid"], signal.SIGKILL)
        self.assert_cut(answer)
        connection.close()
        hostler.wait_for_crash("custom")
        self.assertEqual(hostler.model("pocket")["state"], "loaded")
        self.assertEqual(hostler.post("/generate/clone", clone("pocket")).status, 200)
        self.assertEqual(hostler.speak("custom", "hello", response_format="pcm").status, 200)

    def test_broken_files_are_refused_and_nobody_else_notices(self):
        broken = tempfile.TemporaryDirectory(prefix="hostler-broken-")
        self.addCleanup(broken.cleanup)
        folder = pathlib.Path(broken.name)
        whole = MODELS / FOLDERS["base"]
        main, mmproj = ((whole / name).read_bytes() for name in ("model.gguf", "mmproj.gguf"))

        def number(data, key, value):
            at = data.index(key) + len(key) + 4
            return data[:at] + struct.pack("<I", value) + data[at + 4:]

        pairs = {
            "cut": (main[:len(main) // 2], mmproj),
            "mmproj-cut": (main, mmproj[:-100_000]),
            "empty": (b"", mmproj),
            "web-page": (b"<!doctype html><html>404</html>", mmproj),
            "alone": (main, None),
            "other-family": (main, (MODELS / "tiny_pocket/mmproj.gguf").read_bytes()),
            "other-width": (main, number(mmproj, b"clip.gen.audio.projection_dim", 32)),
            "no-heads": (main, number(mmproj, b"clip.gen.audio.attention.head_count", 0)),
            "many-heads": (main, number(mmproj, b"clip.gen.audio.attention.head_count", 7)),
            "no-layers": (number(main, b"qwen3tts.block_count", 0), mmproj),
        }
        for name, (one, two) in pairs.items():
            (folder / name).mkdir(parents=True)
            (folder / name / "model.gguf").write_bytes(one)
            if two is not None:
                (folder / name / "mmproj.gguf").write_bytes(two)
        hostler = self.start(tts("pocket"), *(tts(name, folder / name) for name in pairs))
        self.assertEqual(hostler.load("pocket").status, 200)
        for name in pairs:
            with self.subTest(files=name):
                answer = hostler.load(name)
                self.assertGreaterEqual(answer.status, 400, answer)
                error = answer.json["error"]
                self.assertTrue(error["message"] and error.get("remedy"), error)
                self.assertEqual(hostler.model(name)["state"], "error")
        answer = hostler.post("/generate/clone", clone("pocket"))
        self.assertEqual(answer.status, 200, answer)

    def test_wrong_options_are_told_by_name(self):
        hostler = self.start(tts("custom", temprature=1), tts("pocket", temperature=1))
        for name, field in (("custom", "temprature"), ("pocket", "temperature")):
            answer = hostler.load(name)
            self.assertGreaterEqual(answer.status, 400)
            self.assertIn(field, json.dumps(answer.json))


if __name__ == "__main__":
    house.main()
