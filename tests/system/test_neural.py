"""What a person does with the models of the catalogue: fetch, load, use, for every engine. The hub is the tests' own, and holds tiny
models with random weights under the repositories' real names and file names: what comes out is noise, and comes by the real way."""

import math
import re
import shutil
import subprocess
import unittest

import house
import shelves
import sounds

MODELS = house.BIN.parent / "models"

# The catalogue's id: its repository, and which tiny file stands for which of its files ("folder/": all that lies there).
SHELF = {
    "kokoro": ("csukuangfj/kokoro-multi-lang-v1_0", {"": "tiny_onnx/kokoro/"}),
    "piper/en_US-lessac-medium": ("csukuangfj/vits-piper-en_US-lessac-medium", {
        "en_US-lessac-medium.onnx": "tiny_onnx/piper/en_US-tiny-low.onnx", "en_US-lessac-medium.onnx.json": "tiny_onnx/piper/en_US-tiny-low.onnx.json",
        "tokens.txt": "tiny_onnx/piper/tokens.txt"}),
    "qwen3-tts/1.7B-Base": ("ggml-org/Qwen3-TTS-12Hz-1.7B-Base-GGUF", {
        "Qwen3-TTS-12Hz-1.7B-Base-Q8_0.gguf": "tiny_qwen3tts/base/model.gguf",
        "mmproj-Qwen3-TTS-12Hz-1.7B-Base-Q8_0.gguf": "tiny_qwen3tts/base/mmproj.gguf"}),
    "EryriLabs/pocket-tts-GGUF": ("EryriLabs/pocket-tts-GGUF", {
        "pocket-tts-en.gguf": "tiny_pocket/model.gguf", "mmproj-pocket-tts-en.gguf": "tiny_pocket/mmproj.gguf"}),
    "pocket-tts": ("csukuangfj/sherpa-onnx-pocket-tts-int8-2026-01-26", {"": "tiny_onnx/pocket/"}),
    "Systran/faster-whisper-tiny": ("ggerganov/whisper.cpp", {"ggml-tiny.bin": "tiny_whisper/ggml-tiny-test.bin"}),
    "Qwen/Qwen2.5-0.5B-Instruct-GGUF": ("Qwen/Qwen2.5-0.5B-Instruct-GGUF", {"qwen2.5-0.5b-instruct-q4_k_m.gguf": "tiny_llama/tiny-llama.gguf"}),
    "Qwen/Qwen3-Embedding-0.6B-GGUF": ("Qwen/Qwen3-Embedding-0.6B-GGUF", {"Qwen3-Embedding-0.6B-Q8_0.gguf": "tiny_bert/tiny-bert.gguf"}),
    "ggml-org/Qwen3-Reranker-0.6B-Q8_0-GGUF": ("ggml-org/Qwen3-Reranker-0.6B-Q8_0-GGUF", {"qwen3-reranker-0.6b-q8_0.gguf": "tiny_rerank/tiny-rerank.gguf"}),
    "naver/splade-cocondenser-ensembledistil": ("naver/splade-cocondenser-ensembledistil", {"": "tiny_splade/torch/"}),
}
SPEAKERS = {"alloy": "af_heart", "fable": "bf_emma"}


def loudness(pcm):
    samples = sounds.samples_of(pcm)
    return math.sqrt(sum(sample * sample for sample in samples) / max(len(samples), 1))


class Neural(shelves.Test):
    def serve(self, *ids, **settings):
        for id in ids:
            name, files = SHELF[id]
            repo = self.hub.repo(name)
            for path, source in files.items():
                if source.endswith("/"):
                    for file in sorted((MODELS / source).iterdir()):
                        repo.add(file.name, file.read_bytes())
                else:
                    repo.add(path, (MODELS / source).read_bytes())
        cpu = (house.BIN / "llama-server").resolve().parent / "libggml-cpu-haswell.so"
        return self.start_with(environment={"HOSTLER_GGML_CPU": str(cpu)}, **settings)

    def cli(self, hostler, *words, stdin=subprocess.DEVNULL):
        done = subprocess.run([house.HOSTLER, *map(str, words)], env={**hostler.environment, "HOSTLER_SERVER": hostler.url},
                              stdin=stdin, capture_output=True, timeout=house.LONG)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def sound(self, answer):
        self.assertEqual(answer.status, 200, answer)
        self.assertGreater(len(answer.body), 2000)
        self.assertGreater(loudness(answer.body), 10)
        return answer.body

    def test_voices_that_are_there(self):
        hostler = self.serve("kokoro", "piper/en_US-lessac-medium", models__default_tts="kokoro")
        self.cli(hostler, "pull", "kokoro")
        self.assertEqual(hostler.load("piper/en_US-lessac-medium").status, 200)  # fetches
        for name, voice in SPEAKERS.items():  # OpenAI's names, with OpenAI's name for the model
            own = self.sound(hostler.speak("kokoro", "One two.", voice=voice, response_format="pcm"))
            self.assertEqual(self.sound(hostler.speak("tts-1", "One two.", voice=name, response_format="pcm")), own)
        mixed = self.sound(hostler.speak("kokoro", "One two.", voice="af_heart(2)+bf_emma(1)", response_format="pcm"))
        self.assertNotEqual(mixed, own)
        self.sound(hostler.speak("piper/en_US-lessac-medium", "One two.", response_format="pcm"))
        states = {row["id"]: row["state"] for row in hostler.get("/api/models").json["models"]}
        self.assertEqual((states["kokoro"], states["piper/en_US-lessac-medium"], states["piper/en_US-amy-low"]), ("loaded", "loaded", "provider_installed"))

    def test_voices_of_recordings(self):
        ids = ("qwen3-tts/1.7B-Base", "EryriLabs/pocket-tts-GGUF", "pocket-tts")
        hostler = self.serve(*ids)
        clip = hostler.home / "clip.wav"
        clip.write_bytes(sounds.tone(220, seconds=2.0, rate=24000))
        self.cli(hostler, "samples", "add", clip, "--name", "anna")
        for id in ids:
            with self.subTest(model=id):
                self.assertEqual(hostler.load(id).status, 200)
                self.sound(hostler.speak(id, "One.", sample="anna", clone_transcript="la", response_format="pcm"))
                self.assertEqual(hostler.unload(id).status, 200)

    def test_hearing(self):
        hostler = self.serve("Systran/faster-whisper-tiny", models__default_stt="Systran/faster-whisper-tiny")
        self.assertEqual(hostler.load("whisper-1").status, 200)
        clip = hostler.home / "clip.wav"
        clip.write_bytes(sounds.tone(300, seconds=12.0))
        text = self.cli(hostler, "transcribe", clip).decode()
        self.assertTrue(text.strip(), text)
        answer = hostler.transcribe(clip.read_bytes(), model="whisper-1", response_format="verbose_json")
        self.assertEqual(answer.json["text"].strip(), " ".join(text.split()))

    def test_who_speaks(self):
        """Two engines work on one recording: one hears the words, the other tells the voices apart."""
        hostler = self.new_with(models__default_diarization="voices")
        folder = hostler.home / "models"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(MODELS / "tiny_onnx/diarisation", folder / "voices")
        shutil.copytree(MODELS / "tiny_onnx/nemo_ctc", folder / "ears")
        self.addCleanup(self.finish, hostler)
        hostler.start()
        clip = sounds.tone(300, seconds=6.0)
        answer = hostler.transcribe(clip, model="ears", diarize="true")
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.json["segments"])
        for segment in answer.json["segments"]:
            self.assertRegex(segment["speaker"], r"^SPEAKER_\d\d$")
            self.assertLess(segment["start"], segment["end"])
        self.assertEqual(sorted(hostler.loaded()), ["ears", "voices"])

    def test_texts(self):
        chat, embed, rerank, splade = ids = ("Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen/Qwen3-Embedding-0.6B-GGUF", "ggml-org/Qwen3-Reranker-0.6B-Q8_0-GGUF",
                                             "naver/splade-cocondenser-ensembledistil")
        hostler = self.serve(*ids)
        for id in ids:
            self.assertEqual(hostler.load(id).status, 200)
        answer = hostler.post("/v1/chat/completions", {"model": chat, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5, "seed": 7})
        self.assertEqual((answer.status, answer.json["usage"]["completion_tokens"]), (200, 5), answer)
        self.assertTrue(self.cli(hostler, "chat", chat, "hello", "--max-tokens", "5"))
        dense = [item["embedding"] for item in hostler.post("/v1/embeddings", {"model": embed, "input": ["a cat", "a dog"]}).json["data"]]
        self.assertAlmostEqual(sum(x * x for x in dense[0]), 1, places=4)
        asked = hostler.post("/v1/embeddings", {"model": embed, "input": "a cat", "input_type": "query"}).json["data"][0]["embedding"]
        self.assertNotEqual(asked, dense[0])  # queries get an instruction of the catalogue before them
        ranked = hostler.post("/v1/rerank", {"model": rerank, "query": "cat", "documents": ["a dog", "a cat"]}).json["results"]
        self.assertEqual(sorted(place["index"] for place in ranked), [0, 1])
        self.assertGreaterEqual(ranked[0]["relevance_score"], ranked[1]["relevance_score"])
        sparse = hostler.post("/v1/sparse-embeddings", {"model": splade, "input": ["a cat"]}).json["data"][0]
        self.assertTrue(sparse["indices"] and all(value > 0 for value in sparse["values"]))
        lines = self.cli(hostler, "ps").decode()
        for id in ids:
            self.assertRegex(lines, rf"(?m)^{re.escape(id)}\b")

    def test_the_torch_model_is_served_by_its_twin(self):
        hostler = self.serve()
        error = self.assert_error(hostler.load("Qwen/Qwen3-Embedding-0.6B"), 400, "provider_missing")
        self.assertIn("Qwen/Qwen3-Embedding-0.6B-GGUF", error["remedy"])


if __name__ == "__main__":
    unittest.main()
