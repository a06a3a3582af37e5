"""A language model of llama's architecture with random weights: tiny-llama.gguf, and tiny-lora.gguf, an adapter that changes what it
says. Letters, digits and bytes are tokens, so that any text goes in and any grammar can be followed."""

import pathlib
import sys

import numpy

from gguf import Gguf, f32, i32, u32

WIDTH, LAYERS, HEADS, KV_HEADS, INNER, CONTEXT = 64, 2, 4, 2, 128, 2048
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # llama.cpp's kinds of tokens
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def vocabulary():
    """[(token, score, kind)], as SentencePiece has it."""
    tokens = [("<unk>", 0, UNKNOWN), ("<s>", 0, CONTROL), ("</s>", 0, CONTROL)]
    tokens += [(f"<0x{byte:02X}>", 0, BYTE) for byte in range(256)]
    tokens.append(("\u2581", -1, NORMAL))
    for letter in map(chr, range(ord("a"), ord("z") + 1)):
        tokens += [(letter, -2, NORMAL), ("\u2581" + letter, -1.5, NORMAL)]
    tokens += [(letter, -2, NORMAL) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?0123456789\n"]
    tokens += [("\u2581" + word, -1, NORMAL) for word in ("the", "and", "is", "of", "to", "in", "hello", "world")]
    tokens += [(name, 0, CONTROL) for name in ("<|fim_pre|>", "<|fim_suf|>", "<|fim_mid|>", "<|im_start|>", "<|im_end|>")]
    return tokens


def write_model(path, context=CONTEXT, seed=42):
    random = numpy.random.RandomState(seed)
    tokens = vocabulary()
    names = [token[0] for token in tokens]
    file = Gguf("llama")
    file.set("general.name", "tiny-random-llama")
    file.set("general.file_type", u32(0))
    for key, value in {"context_length": context, "embedding_length": WIDTH, "block_count": LAYERS, "feed_forward_length": INNER,
                       "attention.head_count": HEADS, "attention.head_count_kv": KV_HEADS, "rope.dimension_count": WIDTH // HEADS,
                       "vocab_size": len(tokens)}.items():
        file.set("llama." + key, u32(value))
    file.set("llama.rope.freq_base", f32(10000.0))
    file.set("llama.attention.layer_norm_rms_epsilon", f32(1e-5))
    file.set("tokenizer.ggml.model", "llama")
    file.set("tokenizer.ggml.pre", "default")
    file.set("tokenizer.ggml.tokens", names)
    file.set("tokenizer.ggml.scores", f32([token[1] for token in tokens]))
    file.set("tokenizer.ggml.token_type", i32([token[2] for token in tokens]))
    for key, name in {"bos": "<s>", "eos": "<|im_end|>", "unknown": "<unk>", "fim_pre": "<|fim_pre|>", "fim_suf": "<|fim_suf|>",
                      "fim_mid": "<|fim_mid|>"}.items():
        file.set(f"tokenizer.ggml.{key}_token_id", u32(names.index(name)))
    file.set("tokenizer.ggml.add_space_prefix", False)  # else no grammar can begin: the first token would be a blank
    file.set("tokenizer.chat_template", TEMPLATE)

    def tensor(name, *shape, spread=0.3):
        file.tensor(name, random.normal(0, spread, shape).astype("float32"))

    tensor("token_embd.weight", len(tokens), WIDTH, spread=1)
    file.tensor("output_norm.weight", numpy.ones(WIDTH, "float32"))
    tensor("output.weight", len(tokens), WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            file.tensor(block + name + ".weight", numpy.ones(WIDTH, "float32"))
        tensor(block + "attn_q.weight", WIDTH, WIDTH)
        tensor(block + "attn_k.weight", WIDTH // HEADS * KV_HEADS, WIDTH)
        tensor(block + "attn_v.weight", WIDTH // HEADS * KV_HEADS, WIDTH)
        tensor(block + "attn_output.weight", WIDTH, WIDTH)
        tensor(block + "ffn_gate.weight", INNER, WIDTH)
        tensor(block + "ffn_up.weight", INNER, WIDTH)
        tensor(block + "ffn_down.weight", WIDTH, INNER)
    file.save(path)


def write_adapter(path, rank=4):
    random = numpy.random.RandomState(7)
    file = Gguf("llama")
    file.set("general.type", "adapter")
    file.set("adapter.type", "lora")
    file.set("adapter.lora.alpha", f32(8.0))
    file.tensor("blk.0.attn_q.weight.lora_a", random.normal(0, 0.5, (rank, WIDTH)).astype("float32"))
    file.tensor("blk.0.attn_q.weight.lora_b", random.normal(0, 0.5, (WIDTH, rank)).astype("float32"))
    file.save(path)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    write_model(folder / "tiny-llama.gguf")
    write_adapter(folder / "tiny-lora.gguf")
