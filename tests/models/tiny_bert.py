"""An encoder of BERT's architecture with random weights, which makes one vector of a text: tiny-bert.gguf. Letters are tokens."""

import pathlib
import string
import sys

import numpy

from gguf import Gguf, f32, u32

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 64, 2, 4, 128, 512
CLS, RANK = 2, 4  # llama.cpp's ways from many vectors to one
PAD, UNK, START, END, MASK = range(5)


def vocabulary():
    """WordPiece as llama.cpp keeps it: what begins a word carries a mark."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for letter in string.ascii_lowercase + string.digits + string.punctuation:
        tokens += ["\u2581" + letter, letter]
    return tokens + ["\u2581" + word for word in ("the", "and", "is", "cat", "dog", "paris", "france", "capital", "of", "what")]


def write_model(path, name, pooling, scores):
    random = numpy.random.RandomState(42)
    tokens = vocabulary()
    file = Gguf("bert")
    file.set("general.name", name)
    file.set("general.file_type", u32(0))
    for key, value in {"context_length": CONTEXT, "embedding_length": WIDTH, "block_count": LAYERS, "feed_forward_length": INNER,
                       "attention.head_count": HEADS, "pooling_type": pooling}.items():
        file.set("bert." + key, u32(value))
    file.set("bert.attention.layer_norm_epsilon", f32(1e-12))
    file.set("bert.attention.causal", False)
    file.set("tokenizer.ggml.model", "bert")
    file.set("tokenizer.ggml.pre", "default")
    file.set("tokenizer.ggml.tokens", tokens)
    file.set("tokenizer.ggml.token_type_count", u32(2))
    for key, number in {"bos": START, "cls": START, "seperator": END, "unknown": UNK, "padding": PAD, "mask": MASK}.items():
        file.set(f"tokenizer.ggml.{key}_token_id", u32(number))

    def tensor(name, *shape, spread=0.15):
        file.tensor(name, random.normal(0, spread, shape).astype("float32"))

    def norm(name):
        file.tensor(name + ".weight", numpy.ones(WIDTH, "float32"))
        file.tensor(name + ".bias", numpy.zeros(WIDTH, "float32"))

    tensor("token_embd.weight", len(tokens), WIDTH, spread=0.5)
    tensor("token_types.weight", 2, WIDTH)
    tensor("position_embd.weight", CONTEXT, WIDTH)
    norm("token_embd_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(block + part + ".weight", WIDTH, WIDTH)
            tensor(block + part + ".bias", WIDTH, spread=0.02)
        norm(block + "attn_output_norm")
        tensor(block + "ffn_up.weight", INNER, WIDTH)
        tensor(block + "ffn_up.bias", INNER, spread=0.02)
        tensor(block + "ffn_down.weight", WIDTH, INNER)
        tensor(block + "ffn_down.bias", WIDTH, spread=0.02)
        norm(block + "layer_output_norm")
    if scores:
        tensor("cls.weight", WIDTH, WIDTH)
        tensor("cls.bias", WIDTH, spread=0.02)
        tensor("cls.output.weight", 1, WIDTH)
        tensor("cls.output.bias", 1, spread=0.02)
    file.save(path)


if __name__ == "__main__":
    write_model(pathlib.Path(sys.argv[1]) / "tiny-bert.gguf", "tiny-random-bert", CLS, scores=False)
