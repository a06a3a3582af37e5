"""SPLADE models as their authors publish them, with random weights: config.json, vocab.txt, tokenizer.json, model.safetensors.

    bert     float32          bert-f16, bert-bf16   the same weights in 16 bits
    torch    the weights in pytorch_model.bin
    distil   DistilBERT       plain                 encoder without the prefix `bert.`, gamma and beta, a decoder of its own, no vocab.txt

    tiny_splade.py FOLDER
"""

import json
import pathlib
import sys

import numpy

import safetensors
import torch_archive

SPECIAL = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)]
WORDS = ["the", "and", "is", "of", "cat", "dog", "play", "un", "paris", "france", "capital", "what", "cafe", "naive", "strasse", "中", "文", "привет", "ß"]
ENDINGS = ["##" + text for text in ["ing", "ed", "able", "ly", "er", *LETTERS, *"0123456789"]]
VOCABULARY = SPECIAL + list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~0123456789") + LETTERS + WORDS + ENDINGS


def configuration(hidden=64, layers=2, heads=4, inner=128, positions=48, vocabulary=len(VOCABULARY)):
    return {"architectures": ["BertForMaskedLM"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": hidden, "num_hidden_layers": layers,
            "num_attention_heads": heads, "intermediate_size": inner, "max_position_embeddings": positions, "vocab_size": vocabulary,
            "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0, "position_embedding_type": "absolute", "torch_dtype": "float32"}


def bert(config, seed=7):
    """The tensors under BERT's own names, the decoder tied to the embeddings."""
    rng = numpy.random.default_rng(seed)
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    tensors = {}

    def normal(name, shape, deviation, mean=0.0):
        tensors[name] = (rng.standard_normal(shape, dtype=numpy.float32) * deviation + mean).astype(numpy.float32)

    def linear(name, rows, columns):
        normal(name + ".weight", (rows, columns), 1.5 / columns ** 0.5)
        normal(name + ".bias", (rows,), 0.05)

    def norm(name):
        normal(name + ".weight", (hidden,), 0.1, 1.0)
        normal(name + ".bias", (hidden,), 0.05)

    normal("bert.embeddings.word_embeddings.weight", (config["vocab_size"], hidden), 0.5)
    normal("bert.embeddings.position_embeddings.weight", (config["max_position_embeddings"], hidden), 0.2)
    normal("bert.embeddings.token_type_embeddings.weight", (2, hidden), 0.2)
    norm("bert.embeddings.LayerNorm")
    tensors["bert.embeddings.position_ids"] = numpy.arange(config["max_position_embeddings"]).reshape(1, -1)  # which nobody reads
    for i in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{i}."
        for name in ("query", "key", "value"):
            linear(layer + "attention.self." + name, hidden, hidden)
        linear(layer + "attention.output.dense", hidden, hidden)
        norm(layer + "attention.output.LayerNorm")
        linear(layer + "intermediate.dense", inner, hidden)
        linear(layer + "output.dense", hidden, inner)
        norm(layer + "output.LayerNorm")
    normal("cls.predictions.bias", (config["vocab_size"],), 0.5, -6.0)
    linear("cls.predictions.transform.dense", hidden, hidden)
    norm("cls.predictions.transform.LayerNorm")
    return tensors


DISTIL = [("bert.encoder.", "distilbert.transformer."), ("bert.", "distilbert."), ("attention.self.query", "attention.q_lin"),
          ("attention.self.key", "attention.k_lin"), ("attention.self.value", "attention.v_lin"), ("attention.output.dense", "attention.out_lin"),
          ("attention.output.LayerNorm", "sa_layer_norm"), ("intermediate.dense", "ffn.lin1"), ("output.dense", "ffn.lin2"),
          (".output.LayerNorm", ".output_layer_norm"), ("cls.predictions.transform.dense", "vocab_transform"),
          ("cls.predictions.transform.LayerNorm", "vocab_layer_norm"), ("cls.predictions.bias", "vocab_projector.bias")]


def distil(tensors, config):
    renamed = {}
    for name, tensor in tensors.items():
        if "token_type" in name or "position_ids" in name:
            continue
        for old, new in DISTIL:
            if not (new == "distilbert." and name.startswith("distilbert.")):
                name = name.replace(old, new)
        renamed[name] = tensor
    return renamed, {"architectures": ["DistilBertForMaskedLM"], "model_type": "distilbert", "activation": "gelu", "dim": config["hidden_size"],
                     "n_layers": config["num_hidden_layers"], "n_heads": config["num_attention_heads"], "hidden_dim": config["intermediate_size"],
                     "max_position_embeddings": config["max_position_embeddings"], "vocab_size": config["vocab_size"]}


def plain(tensors, config):
    renamed = {name.removeprefix("bert.").replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
               for name, tensor in tensors.items()}
    rng = numpy.random.default_rng(11)
    renamed["cls.predictions.decoder.weight"] = rng.standard_normal((config["vocab_size"], config["hidden_size"]), dtype=numpy.float32)
    return renamed, config


def tokenizer(vocabulary):
    return {"version": "1.0", "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                      "vocab": {token: i for i, token in enumerate(vocabulary)}}}


def save(folder, tensors, config, vocabulary=VOCABULARY, with_text=True):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(vocabulary), ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 512, "tokenizer_class": "BertTokenizer"}))
    if with_text:
        (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    safetensors.save(folder / "model.safetensors", tensors)


def main(folder):
    config = configuration()
    tensors = bert(config)
    floats = {name: tensor for name, tensor in tensors.items() if tensor.dtype == numpy.float32}
    save(folder / "bert", tensors, config)
    save(folder / "bert-f16", {name: tensor.astype(numpy.float16) for name, tensor in floats.items()}, config)
    save(folder / "bert-bf16", {name: safetensors.Bf16(tensor) for name, tensor in floats.items()}, config)
    save(folder / "torch", tensors, config)
    (folder / "torch" / "model.safetensors").unlink()
    torch_archive.save(folder / "torch" / "pytorch_model.bin", tensors)
    save(folder / "distil", *distil(tensors, config))
    save(folder / "plain", *plain(tensors, config), with_text=False)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
