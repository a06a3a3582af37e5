"""Tiny Qwen3-TTS models with random weights, as llama.cpp's converter writes them: NAME/model.gguf (the talker, with the codec's
tokens after the words) and NAME/mmproj.gguf (speaker encoder, code predictor, decoder) for

    base      speaks with the voice of a recording
    custom    preset speakers, takes instructions
    design    makes a voice from a description

Called with the folder to fill."""

import sys
from pathlib import Path

from gguf import Gguf, f32, i32, u32
from weights import Weights

DIM, HEAD, FF = 64, 16, 96           # of the talker
PREDICTOR, BOOKS, CODES = 32, 15, 64  # of the code predictor; its books are smaller than the real 2048
SEMANTIC, CODEC = 2048, 3072         # fixed in the format: codes of the first book, and rows of the codec's vocabulary
MELS, ECAPA = 128, 16
BOOK, LATENT, WIDE = 8, 16, 16       # of the decoder
DAC = (8, 5, 4, 3)                   # its upsampling: 2 * 2 * 8 * 5 * 4 * 3 = 1920 samples of 24 kHz a frame
LANGUAGES = {"chinese": 2055, "english": 2050, "german": 2053, "italian": 2070, "portuguese": 2071, "spanish": 2054,
             "japanese": 2058, "korean": 2064, "french": 2061, "russian": 2069}
DIALECTS = {"beijing_dialect": 2074, "sichuan_dialect": 2062}
SPEAKERS = {"serena": 3066, "vivian": 3065, "ryan": 3061, "uncle_fu": 3010, "dylan": 2878}
NAMES = {"base": "Tiny Qwen3 TTS Base", "custom": "Tiny Qwen3 TTS CustomVoice", "design": "Tiny Qwen3 TTS VoiceDesign"}


def byte_letters():
    """The 256 letters that stand for bytes in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, more = {byte: chr(byte) for byte in plain}, 0
    for byte in range(256):
        if byte not in letters:
            letters[byte], more = chr(256 + more), more + 1
    return [letters[byte] for byte in range(256)]


def vocabulary(speakers):
    words, merges = byte_letters(), []
    for word in ("assistant", "user", "hello", "Ġworld", "Ġthe"):
        for end in range(1, len(word)):
            merge, token = f"{word[:end]} {word[end]}", word[:end + 1]
            if token not in words:
                words.append(token)
                merges.append(merge)
    kinds = [1] * len(words)
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>"]
    codec = [f"<|codec_{i}|>" for i in range(CODEC)]
    special = {"codec_pad": 2148, "codec_bos": 2149, "codec_eos_token": 2150, "codec_think": 2154, "codec_nothink": 2155,
               "codec_think_bos": 2156, "codec_think_eos": 2157}
    special |= {f"codec_language_{name}": i for name, i in (LANGUAGES | DIALECTS).items()}
    special |= {f"spk_{name}": i for name, i in speakers.items()}
    for name, row in special.items():
        codec[row] = f"<|{name}|>"
    tokens = words + control + codec
    return tokens, kinds + [3] * (len(tokens) - len(kinds)), merges, len(words) + len(control)


def talker(path, seed, name, speakers):
    file = Gguf("qwen3tts")
    tokens, kinds, merges, first = vocabulary(speakers)
    file.set("general.name", name)
    numbers = {"block_count": 2, "context_length": 4096, "embedding_length": DIM, "feed_forward_length": FF,
               "attention.head_count": 4, "attention.head_count_kv": 2, "attention.key_length": HEAD,
               "attention.value_length": HEAD, "vocab_size": len(tokens)}
    for key, number in numbers.items():
        file.set("qwen3tts." + key, u32(number))
    file.set("qwen3tts.attention.layer_norm_rms_epsilon", f32(1e-6))
    file.set("qwen3tts.rope.freq_base", f32(1e6))
    file.set("qwen3tts.rope.dimension_sections", i32([4, 2, 2, 0]))
    file.set("tokenizer.ggml.model", "gpt2")
    file.set("tokenizer.ggml.pre", "qwen2")
    file.set("tokenizer.ggml.tokens", tokens)
    file.set("tokenizer.ggml.token_type", i32(kinds))
    file.set("tokenizer.ggml.merges", merges)
    eos = first + 2150
    file.set("tokenizer.ggml.eos_token_id", u32(eos))
    file.set("tokenizer.ggml.suppress_tokens", i32([i for i in range(len(tokens) - 1024, len(tokens)) if i != eos]))
    weights = Weights(seed, file)
    weights.put("token_embd.weight", len(tokens), DIM, scale=0.5, half=True)
    weights.put("output.weight", CODEC, DIM, scale=0.3, half=True)
    weights.ones("output_norm.weight", DIM)
    for layer in range(2):
        at = f"blk.{layer}."
        for norm, size in (("attn_norm", DIM), ("ffn_norm", DIM), ("attn_q_norm", HEAD), ("attn_k_norm", HEAD)):
            weights.ones(at + norm + ".weight", size)
        weights.put(at + "attn_q.weight", 4 * HEAD, DIM)
        weights.put(at + "attn_k.weight", 2 * HEAD, DIM)
        weights.put(at + "attn_v.weight", 2 * HEAD, DIM)
        weights.put(at + "attn_output.weight", DIM, 4 * HEAD)
        weights.put(at + "ffn_gate.weight", FF, DIM)
        weights.put(at + "ffn_up.weight", FF, DIM)
        weights.put(at + "ffn_down.weight", DIM, FF)
    file.save(path)


def speaker_encoder(weights):
    weights.conv("a.conv1d.0", ECAPA, MELS, 5, half=False)
    for block in (1, 2, 3):
        at = f"a.blk.{block}."
        weights.conv(at + "conv_pw1", ECAPA, ECAPA, 1, half=False)
        weights.conv(at + "conv_pw2", ECAPA, ECAPA, 1, half=False)
        weights.conv(at + "se_conv1", 8, ECAPA, 1, half=False)
        weights.conv(at + "se_conv2", ECAPA, 8, 1, half=False)
        for part in range(7):
            weights.conv(at + f"res2.{part}", ECAPA // 8, ECAPA // 8, 3, half=False)
    weights.conv("a.conv_out", 24, 3 * ECAPA, 1, half=False)
    weights.conv("a.asp_tdnn", 8, 72, 1, half=False)
    weights.conv("a.asp_attn", 24, 8, 1, half=False)
    weights.conv("mm.a.fc", DIM, 48, 1, half=False)


def layer(weights, at, dim, heads, kv, ff):
    weights.ones(at + "ln1.weight", dim)
    weights.ones(at + "ln2.weight", dim)
    weights.put(at + "attn_q.weight", heads, dim)
    weights.put(at + "attn_k.weight", kv, dim)
    weights.put(at + "attn_v.weight", kv, dim)
    weights.put(at + "attn_out.weight", dim, heads)
    weights.put(at + "ffn_gate.weight", ff, dim)
    weights.put(at + "ffn_up.weight", ff, dim)
    weights.put(at + "ffn_down.weight", dim, ff)


def code_predictor(weights):
    weights.linear("a.gen.code.proj_in", PREDICTOR, DIM)
    weights.put("a.gen.code.embd.weight", BOOKS, CODES, DIM, scale=0.2, half=True)
    weights.put("a.gen.code.head.weight", BOOKS, CODES, PREDICTOR, scale=0.5, half=True)
    weights.put("a.gen.code.out_embd.weight", CODEC, DIM, scale=0.5, half=True)
    weights.ones("a.gen.code.output_norm.weight", PREDICTOR)
    layer(weights, "a.gen.code.blk.0.", PREDICTOR, 32, 16, 48)
    weights.ones("a.gen.code.blk.0.attn_q_norm.weight", 16)
    weights.ones("a.gen.code.blk.0.attn_k_norm.weight", 16)


def decoder(weights):
    at = "a.gen.wav."
    for part, books in (("first", (SEMANTIC,)), ("rest", (BOOKS, CODES))):
        weights.put(at + f"quant.{part}.in_proj.weight", BOOK, LATENT)
        weights.put(at + f"quant.{part}.out_proj.weight", LATENT, BOOK)
        weights.put(at + f"quant.{part}.codebook.weight", *books, BOOK, scale=1.0)
    weights.conv(at + "pre_conv", WIDE, LATENT, 3)
    weights.linear(at + "tfm.in_proj", LATENT, WIDE)
    weights.linear(at + "tfm.out_proj", WIDE, LATENT)
    weights.ones(at + "tfm.output_norm.weight", LATENT)
    for block in range(8):
        layer(weights, at + f"tfm.blk.{block}.", LATENT, 64, 64, 24)  # 16 heads, fixed in the format
        weights.ones(at + f"tfm.blk.{block}.ls1.weight", LATENT, 0.3)
        weights.ones(at + f"tfm.blk.{block}.ls2.weight", LATENT, 0.3)
    for block in range(2):
        up = at + f"up.blk.{block}."
        weights.put(up + "conv.weight", WIDE, WIDE, 2, scale=0.3)
        weights.put(up + "conv.bias", WIDE, scale=0.05)
        weights.conv(up + "dwconv", WIDE, 1, 7)
        weights.ones(up + "norm.weight", WIDE)
        weights.put(up + "norm.bias", WIDE, scale=0.05)
        weights.linear(up + "pw1", 24, WIDE)
        weights.linear(up + "pw2", WIDE, 24)
        weights.ones(up + "gamma", WIDE, 0.3)
    channels = 16
    weights.conv(at + "dac.entry", channels, WIDE, 7)
    for block, stride in enumerate(DAC):
        dac, half = at + f"dac.blk.{block}.", channels // 2
        weights.snake(dac + "snake", channels)
        weights.put(dac + "conv.weight", channels, half, 2 * stride, scale=0.5 * channels ** -0.5)
        weights.put(dac + "conv.bias", half, scale=0.05)
        for unit in range(3):
            res = dac + f"res.{unit}."
            weights.snake(res + "act1", half)
            weights.conv(res + "conv1", half, half, 7, scale=0.2)
            weights.snake(res + "act2", half)
            weights.conv(res + "conv2", half, half, 1, scale=0.2)
        channels = half
    weights.snake(at + "dac.post_snake", channels)
    weights.put(at + "dac.post_conv.weight", 1, channels, 7, scale=0.1, half=True)
    weights.put(at + "dac.post_conv.bias", 1, scale=0.001)


def projector(path, seed):
    file = Gguf("clip")
    file.set("general.file_type", u32(1))
    file.set("clip.has_audio_encoder", True)
    file.set("clip.audio.projector_type", "qwen3tts_spkenc")
    file.set("clip.has_gen_audio_encoder", True)
    file.set("clip.gen.audio.projector_type", "qwen3tts_gen")
    audio = {"projection_dim": DIM, "num_mel_bins": MELS, "block_count": 3, "embedding_length": 1536,
             "attention.head_count": 1, "feed_forward_length": 1536}
    gen = {"projection_dim": DIM, "embedding_length": PREDICTOR, "feed_forward_length": 48, "block_count": 1,
           "attention.head_count": 2, "attention.head_count_kv": 1}
    for prefix, numbers in (("clip.audio.", audio), ("clip.gen.audio.", gen)):
        for key, number in numbers.items():
            file.set(prefix + key, u32(number))
        file.set(prefix + "attention.layer_norm_epsilon", f32(1e-6))
    weights = Weights(seed, file)
    speaker_encoder(weights)
    code_predictor(weights)
    decoder(weights)
    file.save(path)


def main(folder):
    for seed, (name, title) in enumerate(NAMES.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        talker(folder / name / "model.gguf", 100 + seed, title, SPEAKERS if name == "custom" else {})
        projector(folder / name / "mmproj.gguf", 200 + seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
