"""A tiny Pocket TTS with random weights, as llama.cpp's converter writes it: model.gguf (the language model) and mmproj.gguf (the
voice's encoder, the flow network, the decoder). Called with the folder to fill."""

import sys
from pathlib import Path

import numpy

from gguf import Gguf, f32, i32, u32
from weights import Weights

DIM, FF, LATENT, AUDIO, FLOW = 64, 128, 32, 64, 32


def vocabulary():
    """(token, score, kind): a unigram vocabulary of letters and a few words."""
    rows = [("<unk>", -100.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), ("▁", -2.0, 1)]
    rows += [(chr(letter), -3.0, 1) for letter in range(33, 127)]
    rows += [(word, -1.5, 1) for word in ("▁the", "▁hello", "▁world", "▁a", ".▁")]
    return rows + [(name, -1000.0, 3) for name in ("<|pad|>", "<|bos_before_voice|>", "<|audio_bos|>")]


def language_model(path):
    file = Gguf("pockettts")
    rows = vocabulary()
    file.set("general.name", "Tiny Pocket TTS")
    numbers = {"context_length": 4096, "embedding_length": DIM, "block_count": 1, "feed_forward_length": FF,
               "attention.head_count": 1, "attention.head_count_kv": 1, "vocab_size": len(rows)}
    for key, number in numbers.items():
        file.set("pockettts." + key, u32(number))
    file.set("pockettts.attention.layer_norm_epsilon", f32(1e-5))
    file.set("pockettts.rope.freq_base", f32(10000.0))
    file.set("tokenizer.ggml.model", "t5")
    file.set("tokenizer.ggml.pre", "default")
    file.set("tokenizer.ggml.tokens", [row[0] for row in rows])
    file.set("tokenizer.ggml.scores", f32([row[1] for row in rows]))
    file.set("tokenizer.ggml.token_type", i32([row[2] for row in rows]))
    for key, value in {"add_space_prefix": True, "remove_extra_whitespaces": True, "add_bos_token": False,
                       "add_eos_token": False}.items():
        file.set("tokenizer.ggml." + key, value)
    for key, value in {"unknown_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}.items():
        file.set("tokenizer.ggml." + key, u32(value))
    weights = Weights(5, file)
    weights.put("token_embd.weight", len(rows), DIM, scale=0.5)
    for norm in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        weights.ones(norm + ".weight", DIM)
        weights.ones(norm + ".bias", DIM, 0.0)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        weights.put(f"blk.0.{name}.weight", DIM, DIM, scale=0.2)
    weights.put("blk.0.ffn_up.weight", FF, DIM, scale=0.2)
    weights.put("blk.0.ffn_down.weight", DIM, FF, scale=0.2)
    file.save(path)


def transformer(weights, at):
    for norm in ("ln1", "ln2"):
        weights.ones(f"{at}.blk.0.{norm}.weight", AUDIO)
        weights.ones(f"{at}.blk.0.{norm}.bias", AUDIO, 0.0)
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        weights.put(f"{at}.blk.0.{name}.weight", AUDIO, AUDIO, scale=0.1)
    weights.put(f"{at}.blk.0.ffn_up.weight", FF, AUDIO, scale=0.1)
    weights.put(f"{at}.blk.0.ffn_down.weight", AUDIO, FF, scale=0.1)
    weights.ones(f"{at}.blk.0.ls1.weight", AUDIO, 0.3)
    weights.ones(f"{at}.blk.0.ls2.weight", AUDIO, 0.3)


def voice_encoder(weights):
    transformer(weights, "a")
    channels = 4
    weights.conv("a.seanet.conv_in", channels, 1, 7)
    for block, stride in enumerate((4, 5, 6)):
        at = f"a.seanet.blk.{block}."
        weights.conv(at + "res_conv1", channels // 2, channels, 3)
        weights.conv(at + "res_conv2", channels, channels // 2, 1)
        weights.conv(at + "scale_conv", 2 * channels, channels, 2 * stride)
        channels *= 2
    weights.conv("a.seanet.conv_out", AUDIO, channels, 3)
    weights.put("a.downsample.conv.weight", LATENT, AUDIO, 32, scale=0.03, half=True)
    weights.put("a.speaker_proj.weight", DIM, LATENT, scale=0.2)


def flow(weights):
    at = "a.gen.flow."
    weights.linear(at + "input_proj", FLOW, LATENT)
    weights.linear(at + "cond_embd", FLOW, DIM)
    weights.linear(at + "final.ada", 2 * FLOW, FLOW)
    weights.linear(at + "final.proj", LATENT, FLOW)
    for part in range(2):
        weights.file.tensor(f"{at}time.{part}.freqs", numpy.exp(-numpy.arange(16) / 4).astype(numpy.float32))
        weights.linear(f"{at}time.{part}.up", FLOW, 32)
        weights.linear(f"{at}time.{part}.down", FLOW, FLOW)
        weights.ones(f"{at}time.{part}.norm", FLOW)
        weights.ones(f"{at}blk.{part}.norm.weight", FLOW)
        weights.ones(f"{at}blk.{part}.norm.bias", FLOW, 0.0)
        weights.linear(f"{at}blk.{part}.up", FLOW, FLOW)
        weights.linear(f"{at}blk.{part}.down", FLOW, FLOW)
        weights.linear(f"{at}blk.{part}.ada", 3 * FLOW, FLOW)
    weights.ones("a.gen.out_eos.bias", 1, -10.0)  # never ends by itself: the budget of a text does it
    weights.file.tensor("a.gen.out_eos.weight", numpy.zeros((1, DIM), numpy.float32))
    weights.put("a.gen.input_linear.weight", DIM, LATENT, scale=0.2)
    weights.put("a.gen.emb_mean", LATENT, scale=0.2)
    weights.ones("a.gen.emb_std", LATENT, 0.8)


def decoder(weights):
    transformer(weights, "a.gen.wav.tfm")
    weights.put("a.gen.wav.quant_out.weight", AUDIO, LATENT, scale=0.2)
    weights.put("a.gen.wav.upsample.weight", AUDIO, 1, 32, scale=0.3, half=True)
    channels, at = 32, "a.gen.wav.seanet."
    weights.conv(at + "conv_in", channels, AUDIO, 7)
    for block, stride in enumerate((6, 5, 4)):
        up = at + f"blk.{block}."
        weights.put(up + "scale_conv.weight", channels, channels // 2, 2 * stride, scale=channels ** -0.5, half=True)
        channels //= 2
        weights.put(up + "scale_conv.bias", channels, scale=0.02)
        weights.conv(up + "res_conv1", channels // 2, channels, 3)
        weights.conv(up + "res_conv2", channels, channels // 2, 1)
    weights.put(at + "conv_out.weight", 1, channels, 3, scale=0.03, half=True)
    weights.put(at + "conv_out.bias", 1, scale=0.001)


def projector(path):
    file = Gguf("clip")
    file.set("general.file_type", u32(0))
    file.set("clip.has_audio_encoder", True)
    file.set("clip.audio.projector_type", "pockettts_spkenc")
    file.set("clip.has_gen_audio_encoder", True)
    file.set("clip.gen.audio.projector_type", "pockettts_gen")
    file.set("clip.gen.audio.model_variant", "english")
    numbers = {"projection_dim": DIM, "block_count": 1, "embedding_length": AUDIO, "feed_forward_length": FF,
               "attention.head_count": 1}
    file.set("clip.audio.num_mel_bins", u32(1))
    for prefix in ("clip.audio.", "clip.gen.audio."):
        for key, number in numbers.items():
            file.set(prefix + key, u32(number))
        file.set(prefix + "attention.layer_norm_epsilon", f32(1e-5))
    weights = Weights(6, file)
    voice_encoder(weights)
    flow(weights)
    decoder(weights)
    file.save(path)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    language_model(folder / "model.gguf")
    projector(folder / "mmproj.gguf")
