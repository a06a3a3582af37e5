"""What a SPLADE model answers, worked out once more in float64 from the files that the engine reads: WordPiece, BERT, the masked-word
head, the largest weight of each entry of the vocabulary.
"""

import json
import math
import pathlib
import struct
import unicodedata

import numpy

erf = numpy.vectorize(math.erf)


def gelu(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, place in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = place["data_offsets"]
        raw = data[8 + length + begin:8 + length + end]
        if place["dtype"] == "BF16":
            values = (numpy.frombuffer(raw, numpy.uint16).astype(numpy.uint32) << 16).view(numpy.float32)
        else:
            values = numpy.frombuffer(raw, {"F32": numpy.float32, "F16": numpy.float16, "I64": numpy.int64}[place["dtype"]])
        tensors[name] = values.astype(numpy.float64).reshape(place["shape"])
    return tensors


# ---- WordPiece, as the paper's authors wrote it ----


def is_punctuation(c):
    return 33 <= ord(c) <= 47 or 58 <= ord(c) <= 64 or 91 <= ord(c) <= 96 or 123 <= ord(c) <= 126 or unicodedata.category(c).startswith("P")


def is_chinese(c):
    return any(low <= ord(c) <= high for low, high in ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0xF900, 0xFAFF)))


def words_of(text):
    words = [""]
    for c in unicodedata.normalize("NFD", text).lower():
        kind = unicodedata.category(c)
        if c in " \t\n\r" or kind == "Zs":
            words.append("")
        elif c in "\0\ufffd" or kind.startswith("C") or kind == "Mn":
            continue
        elif is_punctuation(c) or is_chinese(c):
            words += [c, ""]
        else:
            words[-1] += c
    return [word for word in words if word]


def pieces_of(word, vocabulary):
    pieces, begin = [], 0
    while begin < len(word):
        for end in range(len(word), begin, -1):
            piece = ("##" if begin else "") + word[begin:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        begin = end
    return pieces


class Splade:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        self.tensors = read_safetensors(folder / "model.safetensors")
        vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        self.vocabulary = vocabulary
        self.texts = {i: token for token, i in vocabulary.items()}
        self.distil = self.config["model_type"] == "distilbert"

    def tokens(self, text):
        pieces = [piece for word in words_of(text) for piece in pieces_of(word, self.vocabulary)]
        return ["[CLS]", *pieces, "[SEP]"]

    def _tensor(self, *names):
        for name in names:
            for candidate in (name, "bert." + name, "distilbert." + name):
                if candidate in self.tensors:
                    return self.tensors[candidate]
        raise KeyError(names)

    def _linear(self, x, name):
        return x @ self._tensor(name + ".weight").T + self._tensor(name + ".bias")

    def _norm(self, x, name):
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        scale, shift = self._tensor(name + ".weight", name + ".gamma"), self._tensor(name + ".bias", name + ".beta")
        return (x - mean) / numpy.sqrt(variance + 1e-12) * scale + shift

    def _attention(self, x, names):
        heads = self.config.get("num_attention_heads") or self.config["n_heads"]
        count, hidden = x.shape
        size = hidden // heads
        query, key, value = [self._linear(x, name).reshape(count, heads, size).transpose(1, 0, 2) for name in names]
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(size)
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        return (scores @ value).transpose(1, 0, 2).reshape(count, hidden)

    def weights(self, tokens):
        """float64[vocabulary]."""
        ids = [self.vocabulary[token] for token in tokens]
        x = self._tensor("embeddings.word_embeddings.weight")[ids] + self._tensor("embeddings.position_embeddings.weight")[:len(ids)]
        if not self.distil:
            x = x + self._tensor("embeddings.token_type_embeddings.weight")[0]
        x = self._norm(x, "embeddings.LayerNorm")
        for i in range(self.config.get("num_hidden_layers") or self.config["n_layers"]):
            if self.distil:
                p = f"transformer.layer.{i}."
                names = [p + "attention." + name for name in ("q_lin", "k_lin", "v_lin")]
                out, out_norm, up, down, norm = p + "attention.out_lin", p + "sa_layer_norm", p + "ffn.lin1", p + "ffn.lin2", p + "output_layer_norm"
            else:
                p = f"encoder.layer.{i}."
                names = [p + "attention.self." + name for name in ("query", "key", "value")]
                out, out_norm, up, down, norm = (p + name for name in ("attention.output.dense", "attention.output.LayerNorm", "intermediate.dense",
                                                                       "output.dense", "output.LayerNorm"))
            x = self._norm(x + self._linear(self._attention(x, names), out), out_norm)
            x = self._norm(x + self._linear(gelu(self._linear(x, up)), down), norm)
        dense, norm, bias = (("vocab_transform", "vocab_layer_norm", "vocab_projector.bias") if self.distil else
                             ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"))
        x = self._norm(gelu(self._linear(x, dense)), norm)
        decoder = self.tensors.get("cls.predictions.decoder.weight", self._tensor("embeddings.word_embeddings.weight"))
        return numpy.log1p(numpy.maximum(x @ decoder.T + self._tensor(bias), 0)).max(0)
