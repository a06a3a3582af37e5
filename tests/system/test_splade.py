"""SPLADE models as their authors publish them: the numbers against a reference in float64, broken files, engines that die."""

import json
import math
import os
import pathlib
import pickle
import shutil
import signal
import struct
import sys
import tempfile
import threading
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))

import numpy  # noqa: E402

import house  # noqa: E402
import safetensors  # noqa: E402
import tiny_splade  # noqa: E402
import torch_archive  # noqa: E402
from splade_reference import Splade  # noqa: E402

ENGINE = house.BIN / "hostler-engine-llama"
MODELS = house.BIN.parent / "models" / "tiny_splade"
NATIVE = pathlib.Path(__file__).resolve().parents[2] / "build/native/llama"
# One backend, or the numbers depend on the processor.
ENVIRONMENT = {"HOSTLER_GGML_CPU": str(NATIVE / "libggml-cpu-haswell.so")}
VARIANTS = ["bert", "bert-f16", "bert-bf16", "torch", "distil", "plain"]

TEXTS = [
    "The cat is playing.",
    "What is the capital of France?! Paris, of course",
    "naïve café, ÉLÈVE",
    "unplayable dogs' catsss",
    "中文和文 привет, мир",
    "a\tb\nc  d\u00a0e\u3000f",
    "$5.99 (50% off) — “quoted”… & <tags>",
    "tele\u200bphone emoji 🎉 \ufffd x",
    "İstanbul STRASSE straße ẞ",
    "1234567890 " * 2,
]


def splade(model_id, path, **options):
    return {"id": model_id, "type": "splade", "engine": str(ENGINE), "path": str(path), "options": options}


def weights(item, size):
    vector = numpy.zeros(size)
    vector[item["indices"]] = item["values"]
    return vector


def cosine(a, b):
    return a @ b / math.sqrt((a @ a) * (b @ b))


class Splades(house.Test):
    @staticmethod
    def embed(hostler, model, texts, **more):
        return hostler.post("/v1/sparse-embeddings", {"model": model, "input": texts, **more})


class Numbers(Splades):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(*[splade(name, MODELS / name) for name in VARIANTS], splade("half", MODELS / "bert", quantization="float16"),
                                       splade("bytes", MODELS / "bert", quantization="int8"), splade("whole", MODELS / "bert-f16", quantization="float32"),
                                       splade("by-file", MODELS / "bert" / "model.safetensors"), environment=ENVIRONMENT)

    def compare(self, model, folder, least):
        reference = Splade(MODELS / folder)
        answer = self.embed(self.hostler, model, TEXTS, return_tokens=True)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["usage"]["total_tokens"], sum(len(reference.tokens(text)) for text in TEXTS))
        for text, item in zip(TEXTS, answer.json["data"]):
            wanted = reference.weights(reference.tokens(text))
            got = weights(item, len(wanted))
            self.assertGreaterEqual(cosine(got, wanted), least, text)
            self.assertLess(abs(got - wanted).max(), 0.05, text)
            self.assertEqual(item["tokens"], [reference.texts[i] for i in item["indices"]])
            self.assertEqual(item["indices"], sorted(item["indices"]))

    def test_whole_numbers_are_exact(self):
        for name in ("bert", "distil", "plain"):
            with self.subTest(name):
                self.compare(name, name, 1 - 1e-9)  # another tokenisation would show

    def test_pytorchs_own_archive_holds_the_same(self):
        self.compare("torch", "bert", 1 - 1e-9)

    def test_halves_are_near(self):
        for name in ("bert-f16", "bert-bf16"):
            with self.subTest(name):
                self.compare(name, name, 0.9999)
        self.compare("half", "bert", 0.9999)
        self.compare("whole", "bert-f16", 1 - 1e-9)

    def test_bytes_are_nearly_near(self):
        reference = Splade(MODELS / "bert")
        item = self.embed(self.hostler, "bytes", "the cat is playing").json["data"][0]
        wanted = reference.weights(reference.tokens("the cat is playing"))
        self.assertGreater(cosine(weights(item, len(wanted)), wanted), 0.99)

    def test_a_file_stands_for_its_folder(self):
        self.compare("by-file", "bert", 1 - 1e-9)

    def test_company_changes_nothing(self):
        together = self.embed(self.hostler, "bert", TEXTS * 8).json["data"]
        for text, item in zip(TEXTS * 8, together):
            alone = self.embed(self.hostler, "bert", text).json["data"][0] if item["index"] < len(TEXTS) else together[item["index"] % len(TEXTS)]
            self.assertEqual(item["indices"], alone["indices"])
            for a, b in zip(item["values"], alone["values"]):
                self.assertAlmostEqual(a, b, places=4)

    def test_a_crowd_of_clients(self):
        alone = [self.embed(self.hostler, "bert", text).json["data"][0] for text in TEXTS]

        def one(i):
            item = self.embed(self.hostler, "bert", TEXTS[i % len(TEXTS)]).json["data"][0]
            self.assertEqual(item["indices"], alone[i % len(TEXTS)]["indices"])

        house.in_threads([lambda i=i: one(i) for i in range(48)])

    def test_the_largest_weights(self):
        every = self.embed(self.hostler, "bert", TEXTS[1]).json["data"][0]
        few = self.embed(self.hostler, "bert", TEXTS[1], top_k=5).json["data"][0]
        best = sorted(zip(every["values"], every["indices"]), reverse=True)[:5]
        self.assertEqual(sorted(best), sorted(zip(few["values"], few["indices"])))

    def test_long_texts(self):
        reference = Splade(MODELS / "bert")
        text = "the cat " * 40
        self.assert_error(self.embed(self.hostler, "bert", ["a", text]), 400, code="input_too_long", param="input[1]", message="82 tokens, the model reads 48")
        item = self.embed(self.hostler, "bert", text, truncate=True).json["data"][0]
        wanted = reference.weights([*reference.tokens(text)[:47], "[SEP]"])
        self.assertGreater(cosine(weights(item, len(wanted)), wanted), 1 - 1e-9)
        fits = "the cat " * 23  # 48 with both ends
        self.assertEqual(self.embed(self.hostler, "bert", fits).json["usage"]["total_tokens"], 48)

    def test_special_tokens_count_where_they_are_spelt_out(self):
        reference = Splade(MODELS / "bert")
        item = self.embed(self.hostler, "bert", "the [MASK] is").json["data"][0]
        wanted = reference.weights(["[CLS]", "the", "[MASK]", "is", "[SEP]"])
        self.assertGreater(cosine(weights(item, len(wanted)), wanted), 1 - 1e-9)

    def test_nothing_is_written(self):
        self.embed(self.hostler, "bert", "a")
        self.assertEqual(sorted(path.name for path in (MODELS / "bert").iterdir()),
                         ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"])



def changed(folder, name, change):
    """A copy of the good model in which `change` was done."""
    copy = folder / name
    shutil.copytree(MODELS / "bert", copy)
    change(copy)
    return copy


def header_of(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8:8 + length]), data[8 + length:]


def with_header(edit):
    def change(folder):
        path = folder / "model.safetensors"
        header, data = header_of(path)
        edit(header)
        safetensors.write(path, header, [data])
    return change


def with_config(**members):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        config.update(members)
        (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return change


def cut(size):
    def change(folder):
        path = folder / "model.safetensors"
        os.truncate(path, size if size >= 0 else path.stat().st_size + size)
    return change


def written(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def without(*names):
    return lambda folder: [(folder / name).unlink() for name in names]


class Calls:
    def __reduce__(self):
        return os.system, ("touch /tmp/hostler-was-here",)


def as_archive(program=None):
    def change(folder):
        (folder / "model.safetensors").unlink()
        config = tiny_splade.configuration()
        torch_archive.save(folder / "pytorch_model.bin", tiny_splade.bert(config), program)
    return change


def archive_cut(size):
    def change(folder):
        as_archive()(folder)
        path = folder / "pytorch_model.bin"
        os.truncate(path, size if size >= 0 else path.stat().st_size + size)
    return change


def repacked(folder, method, rename=None, shorten=None):
    as_archive()(folder)
    path = folder / "pytorch_model.bin"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(rename(name) if rename else name, data[:4] if name == shorten else data)


def packed_archive(folder):
    repacked(folder, zipfile.ZIP_DEFLATED)


def other_archive(folder):
    repacked(folder, zipfile.ZIP_STORED, rename=lambda name: "word/" + name.rsplit("/", 1)[1].replace("pkl", "xml"))


def short_storage(folder):
    repacked(folder, zipfile.ZIP_STORED, shorten="archive/data/0")


EMBEDDINGS = "bert.embeddings.word_embeddings.weight"
BIAS = "cls.predictions.bias"
HOSTILE = {
    # the weights
    **{f"cut-{size}": (cut(size), "too short|cut off|is no JSON|tensors take") for size in (0, 7, 8, 9, 100, 5000, 20000, 200000, -1)},
    "junk": (written("model.safetensors", os.urandom(100_000)), "is no safetensors file"),
    "page": (written("model.safetensors", b"<!doctype html><title>404</title>" * 100), "is no safetensors file"),
    "gguf": (written("model.safetensors", b"GGUF\3\0\0\0" + bytes(1000)), "is no safetensors file|JSON"),
    "longer": (cut(400_000), "tensors take"),
    "deep": (written("model.safetensors", struct.pack("<Q", 100_000) + b"[" * 100_000), "is no JSON"),
    "list": (written("model.safetensors", struct.pack("<Q", 2) + b"[]"), "no JSON object"),
    "empty": (written("model.safetensors", struct.pack("<Q", 2) + b"{}"), "no tensor"),
    "folder": (lambda folder: ((folder / "model.safetensors").unlink(), (folder / "model.safetensors").mkdir()), "is no file"),
    "huge-shape": (with_header(lambda h: h[EMBEDDINGS].update(shape=[2**62, 2**62])), "has .* bytes"),
    "negative-shape": (with_header(lambda h: h[EMBEDDINGS].update(shape=[-1, 64])), "no shape"),
    "wrapping-shape": (with_header(lambda h: h[BIAS].update(shape=[2**62 + len(tiny_splade.VOCABULARY)])), "has .* bytes"),
    "many-dimensions": (with_header(lambda h: h[BIAS].update(shape=[1] * 1000)), "no shape"),
    "negative-offset": (with_header(lambda h: h[EMBEDDINGS].update(data_offsets=[-4, 10])), "no data_offsets"),
    "backwards": (with_header(lambda h: h[EMBEDDINGS].update(data_offsets=[8, 4])), "ends before it begins"),
    "overlap": (with_header(lambda h: h[BIAS].update(data_offsets=h["bert.embeddings.LayerNorm.weight"]["data_offsets"],
                                                     shape=h["bert.embeddings.LayerNorm.weight"]["shape"])), "begins at byte"),
    "far-away": (with_header(lambda h: h[BIAS].update(data_offsets=[2**60, 2**60 + 4 * len(tiny_splade.VOCABULARY)])), "begins at byte"),
    "fraction": (with_header(lambda h: h[BIAS].update(data_offsets=[0.5, 1.5])), "no data_offsets"),
    "no-type": (with_header(lambda h: h[BIAS].pop("dtype")), "no dtype"),
    "wrong-type": (with_header(lambda h: h[BIAS].update(dtype="I32")), "is of type I32"),
    "unknown-type": (with_header(lambda h: h[BIAS].update(dtype="F4\x1b[2J")), "is of type F4"),
    "other-shape": (with_header(lambda h: h[BIAS].update(shape=[1, len(tiny_splade.VOCABULARY)])), "has the shape"),
    "no-head": (with_header(lambda h: h.update({"x" + name: h.pop(name) for name in list(h) if name.startswith("cls.")})), "masked-word head"),
    "no-layer": (with_header(lambda h: h.update({"x": h.pop("bert.encoder.layer.1.output.dense.bias")})), "no tensor \"encoder.layer.1.output.dense.bias\""),
    "no-weights": (without("model.safetensors"), "has no model.safetensors and no pytorch_model.bin"),
    # PyTorch's own archive
    **{f"archive-cut-{size}": (archive_cut(size), "cut off|directory|too short|safetensors") for size in (0, 3, 4, 30, 1000, 100_000, -1, -30, -500)},
    "archive-junk": (as_archive(program=b"\x80\x02junk"), "does more than build tensors|broken"),
    "archive-nothing": (as_archive(program=b""), "ends too early"),
    "archive-no-tensors": (as_archive(program=b"\x80\x02}q\0."), "no tensor"),
    "archive-deep": (as_archive(program=b"\x80\x02)" + b"\x85" * 100_000 + b"."), "too deep"),
    "archive-calls": (as_archive(program=pickle.dumps(Calls(), protocol=2)), "wants to call \"(posix|os)\\.system\""),
    "archive-long-text": (as_archive(program=b"\x80\x02X\xff\xff\xff\x7fabc."), "longer than the pickle"),
    "archive-packed": (packed_archive, "packed archive"),
    "archive-of-others": (other_archive, "no data.pkl"),
    "archive-short-storage": (short_storage, "beyond its storage"),
    # what they mean
    "no-config": (without("config.json"), "holds no model"),
    "llama": (with_config(model_type="llama"), "holds no model"),
    "relu": (with_config(hidden_act="relu"), "activation \"relu\""),
    "zero": (with_config(hidden_size=0), "hidden_size is 0"),
    "much": (with_config(num_hidden_layers=10**9), "num_hidden_layers is"),
    "missing": (with_config(vocab_size=None), "vocab_size is missing"),
    "odd-heads": (with_config(num_attention_heads=5), "heads cannot share"),
    "more-layers": (with_config(num_hidden_layers=3), "encoder.layer.2"),
    "other-size": (with_config(hidden_size=128), "has the shape"),
    # the vocabulary
    "no-words": (without("vocab.txt", "tokenizer.json"), "has no vocabulary"),
    "few-words": (written("vocab.txt", b"[PAD]\n[UNK]\n"), "is missing"),
    "twice": (written("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncat\ncat\n"), "twice"),
    "twice-marked": (written("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncat\n##\u2581cat\n".encode()), "twice"),
    "words-of-junk": (written("vocab.txt", b"\xff\xfe\x00\n" * 50), "not valid UTF-8"),
    "tokenizer-junk": (lambda folder: (without("vocab.txt")(folder), written("tokenizer.json", b"{")(folder)), "tokenizer.json"),
    "tokenizer-numbers": (lambda folder: (without("vocab.txt")(folder), written("tokenizer.json", b'{"model":{"vocab":{"a":-1}}}')(folder)), "no place"),
}


class Hostile(Splades):
    def test_broken_files_are_errors_with_a_reason(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hostler-test-"))
        self.addCleanup(shutil.rmtree, folder)
        models = [splade(name, changed(folder, name, change)) for name, (change, _) in HOSTILE.items()]
        hostler = self.start(splade("good", MODELS / "bert"), *models, splade("odd", MODELS / "bert", quantization="int4"),
                             splade("unknown", MODELS / "bert", threads=2), environment=ENVIRONMENT, models__max_loaded=100)
        self.assertEqual(hostler.load("good").status, 200)
        for name, (_, reason) in HOSTILE.items():
            with self.subTest(name):
                answer = hostler.load(name)
                self.assertGreaterEqual(answer.status, 400, answer)
                self.assertRegex(answer.error["message"], reason)
                self.assertTrue(answer.error["remedy"])
                self.assertNotIn("\x1b", answer.error["message"])
        for name in ("odd", "unknown"):
            self.assertRegex(hostler.load(name).text, "options\\.(quantization|threads)")
        self.assertEqual(hostler.crashes(), [])
        self.assertFalse(pathlib.Path("/tmp/hostler-was-here").exists(), "a pickle was run")
        self.assertEqual(self.embed(hostler, "good", "the cat").status, 200)

    def test_an_engine_that_is_killed_while_it_reads_can_be_started_again(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hostler-test-"))
        self.addCleanup(shutil.rmtree, folder)
        words = [*tiny_splade.VOCABULARY, *(f"word{i}" for i in range(20_000))]
        config = tiny_splade.configuration(hidden=256, layers=4, inner=1024, vocabulary=len(words))
        tiny_splade.save(folder / "large", tiny_splade.bert(config), config, words)
        hostler = self.start(splade("large", folder / "large"), environment=ENVIRONMENT)
        before = sorted(path.name for path in (folder / "large").iterdir())
        stop = threading.Event()

        def kill_first():
            while not stop.is_set():
                for pid, _ in house.processes_of(hostler.home):
                    os.kill(pid, signal.SIGKILL)
                    return

        killer = house.Background(kill_first)
        first = hostler.load("large")
        stop.set()
        killer.result()
        self.assertIn(first.status, (200, 500, 502, 503), first)
        house.eventually(lambda: hostler.load("large").status == 200, "the model to be loaded again")
        item = self.embed(hostler, "large", "the cat is playing").json["data"][0]
        reference = Splade(folder / "large")
        wanted = reference.weights(reference.tokens("the cat is playing"))
        self.assertGreater(cosine(weights(item, len(wanted)), wanted), 0.9999)
        self.assertEqual(sorted(path.name for path in (folder / "large").iterdir()), before)


if __name__ == "__main__":
    house.main()
