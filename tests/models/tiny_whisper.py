#!/usr/bin/python3
"""Tiny whisper models and a voice activity model, in whisper.cpp's ggml format.

    tiny_whisper.py FOLDER    writes ggml-tiny-test.bin, ggml-tiny-test.en.bin, ggml-silero-test.bin

The encoder is random and heard by nobody: the decoder's weights are set so that each token is followed by a fixed one, whatever
the sound is. So every window of 30 s says the script below, and tests know what to expect of text, times and languages. The voice
activity model finds whatever is loud. Nothing here says anything about quality.
"""

import pathlib
import struct
import sys

import numpy

STATE = 32  # of the decoder: one dimension for each token of the script
AUDIO_CONTEXT, TEXT_CONTEXT, MELS = 1500, 448, 80
F32, F16 = 0, 1

# What is said after each token. Of a pair of timestamps the first is followed by itself, and then, because whisper allows no three
# of them, by the second choice.
WORDS = [b" one", b" two", b" three", b" four", b" caf", b" au", b" lait"]
CHAINS = [
    # (start, [tokens]); numbers are seconds
    ("transcribe", [0.0, b" one", b" two", 2.0, 2.0, b" three", b" four", 4.0, "end"]),
    # A character of two bytes that is cut in the middle: half of it in one segment, half in the next.
    ("translate", [0.02, b" caf", b"\xc3", 2.5, 2.5, b"\xa9", b" au", b" lait", 5.0, "end"]),
]
LANGUAGE = 2  # what is heard if nobody says which language it is: "de"


class Writer:
    def __init__(self, path):
        self.file = open(path, "wb")

    def ints(self, *values):
        self.file.write(struct.pack(f"<{len(values)}i", *values))

    def bytes(self, data):
        self.file.write(data)

    def tensor(self, name, values, kind=F32):
        values = numpy.asarray(values, numpy.float32 if kind == F32 else numpy.float16)
        self.ints(values.ndim, len(name), kind)
        self.ints(*reversed(values.shape))
        self.bytes(name.encode())
        self.bytes(values.tobytes())


def mel_filters():
    """float[80][201]: triangles on Slaney's mel scale, of equal area."""
    to_mel = lambda hertz: numpy.where(hertz < 1000, hertz * 3 / 200, 15 + numpy.log(numpy.maximum(hertz, 1e-9) / 1000) / (numpy.log(6.4) / 27))
    to_hertz = lambda mel: numpy.where(mel < 15, mel * 200 / 3, 1000 * numpy.exp((mel - 15) * numpy.log(6.4) / 27))
    frequencies = numpy.linspace(0, 8000, 201)
    edges = to_hertz(numpy.linspace(to_mel(numpy.array(0.0)), to_mel(numpy.array(8000.0)), MELS + 2))
    width = numpy.diff(edges)
    ramps = edges[:, None] - frequencies[None]
    filters = numpy.maximum(0, numpy.minimum(-ramps[:-2] / width[:-1, None], ramps[2:] / width[1:, None]))
    return (filters * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(numpy.float32)


def vocabulary():
    """50257 entries: every byte, the words of the script, and fillers."""
    tokens = [bytes([value]) for value in range(256)] + WORDS
    tokens += [f" w{number}".encode() for number in range(50257 - len(tokens))]
    return tokens


def special(multilingual):
    if not multilingual:
        return {"end": 50256, "start": 50257, "transcribe": 50257, "begin": 50363}
    return {"end": 50257, "start": 50258, "translate": 50358, "transcribe": 50359, "begin": 50364}


def script(tokens, numbers):
    """The followers of each token: {token: [most likely, second]}."""
    identity = {text: number for number, text in enumerate(tokens)}

    def of(step):
        if isinstance(step, bytes):
            return identity[step]
        return numbers[step] if isinstance(step, str) else numbers["begin"] + round(step * 50)

    followers = {}
    for start, chain in CHAINS:
        if start not in numbers:
            continue
        for before, after in zip([start] + chain, chain):
            followers.setdefault(of(before), []).append(of(after))
    if "translate" in numbers:
        followers[numbers["start"]] = [numbers["start"] + 1 + LANGUAGE]
    return followers


def normal(writer, name, size):
    writer.tensor(name + ".weight", numpy.ones(size))
    writer.tensor(name + ".bias", numpy.zeros(size))


def attention(writer, name, make):
    for part in ("query", "key", "value", "out"):
        writer.tensor(f"{name}.{part}.weight", make(part, STATE, STATE), F16)
        if part != "key":
            writer.tensor(f"{name}.{part}.bias", numpy.zeros(STATE))


def write_whisper(path, multilingual):
    random = numpy.random.default_rng(1)
    tokens, numbers = vocabulary(), special(multilingual)
    followers = script(tokens, numbers)
    places = {token: place for place, token in enumerate(sorted(set(followers) | {after for list_ in followers.values() for after in list_}))}
    assert len(places) <= STATE, f"the script has {len(places)} tokens"
    vocab = 51865 if multilingual else 51864

    embedding = random.standard_normal((vocab, STATE)) * 0.001
    follow = numpy.zeros((STATE, 4 * STATE))
    for token, place in places.items():
        embedding[token] = 0
        embedding[token][place] = 5  # five times the root of STATE is a logit of almost 30: nothing else is likely
    for token, after in followers.items():
        for rank, follower in enumerate(after):
            follow[places[follower]][places[token]] += 10 if rank == 0 else 8

    writer = Writer(path)
    writer.ints(0x67676D6C, vocab, AUDIO_CONTEXT, STATE, 1, 1, TEXT_CONTEXT, STATE, 1, 1, MELS, F16)
    filters = mel_filters()
    writer.ints(*filters.shape)
    writer.bytes(filters.tobytes())
    writer.ints(len(tokens))
    for token in tokens:
        writer.ints(len(token))
        writer.bytes(token)

    noise = lambda *shape: random.standard_normal(shape) * 0.1
    silent = lambda part, *shape: numpy.zeros(shape)
    writer.tensor("encoder.positional_embedding", noise(AUDIO_CONTEXT, STATE))
    writer.tensor("encoder.conv1.weight", noise(STATE, MELS, 3), F16)
    writer.tensor("encoder.conv1.bias", numpy.zeros((STATE, 1)))
    writer.tensor("encoder.conv2.weight", noise(STATE, STATE, 3), F16)
    writer.tensor("encoder.conv2.bias", numpy.zeros((STATE, 1)))
    normal(writer, "encoder.ln_post", STATE)
    normal(writer, "encoder.blocks.0.attn_ln", STATE)
    attention(writer, "encoder.blocks.0.attn", lambda part, *shape: noise(*shape))
    normal(writer, "encoder.blocks.0.mlp_ln", STATE)
    writer.tensor("encoder.blocks.0.mlp.0.weight", noise(4 * STATE, STATE), F16)
    writer.tensor("encoder.blocks.0.mlp.0.bias", numpy.zeros(4 * STATE))
    writer.tensor("encoder.blocks.0.mlp.2.weight", noise(STATE, 4 * STATE), F16)
    writer.tensor("encoder.blocks.0.mlp.2.bias", numpy.zeros(STATE))

    writer.tensor("decoder.positional_embedding", numpy.zeros((TEXT_CONTEXT, STATE)))
    writer.tensor("decoder.token_embedding.weight", embedding, F16)
    normal(writer, "decoder.ln", STATE)
    normal(writer, "decoder.blocks.0.attn_ln", STATE)
    attention(writer, "decoder.blocks.0.attn", silent)
    normal(writer, "decoder.blocks.0.cross_attn_ln", STATE)
    attention(writer, "decoder.blocks.0.cross_attn", silent)
    normal(writer, "decoder.blocks.0.mlp_ln", STATE)
    writer.tensor("decoder.blocks.0.mlp.0.weight", numpy.eye(4 * STATE, STATE), F16)
    writer.tensor("decoder.blocks.0.mlp.0.bias", numpy.zeros(4 * STATE))
    writer.tensor("decoder.blocks.0.mlp.2.weight", follow, F16)
    writer.tensor("decoder.blocks.0.mlp.2.bias", numpy.zeros(STATE))


def write_voice_activity(path):
    """Silero's network with weights that add up the spectrum: loud is speech."""
    writer = Writer(path)
    name = b"silero-16k"
    writer.ints(0x67676D6C, len(name))
    writer.bytes(name)
    writer.ints(5, 1, 2, 512, 64)  # version, samples of a window and of what is kept of the one before
    layers = [(129, 128, 3), (128, 64, 3), (64, 64, 3), (64, 128, 3)]
    writer.ints(len(layers), *[number for layer in layers for number in layer])
    writer.ints(128, 128, 128, 1)

    window = numpy.hanning(256)
    angle = 2 * numpy.pi * numpy.outer(numpy.arange(129), numpy.arange(256)) / 256
    writer.tensor("_model.stft.forward_basis_buffer", numpy.concatenate([numpy.cos(angle), -numpy.sin(angle)])[:, None] * window, F16)
    for number, (inputs, outputs, width) in enumerate(layers):
        weight = numpy.zeros((outputs, inputs, width))
        weight[0, :, 1] = 0.05 if number == 0 else 0
        weight[0, 0, 1] = 0.05 if number == 0 else 1
        writer.tensor(f"_model.encoder.{number}.reparam_conv.weight", weight, F16)
        writer.tensor(f"_model.encoder.{number}.reparam_conv.bias", numpy.zeros(outputs))
    # Gates: in open, forget everything, what the loudness says, out open.
    inward = numpy.zeros((512, 128))
    inward[256, 0] = 1
    bias = numpy.concatenate([numpy.full(128, 10.0), numpy.full(128, -10.0), numpy.zeros(128), numpy.full(128, 10.0)])
    writer.tensor("_model.decoder.rnn.weight_ih", inward)
    writer.tensor("_model.decoder.rnn.weight_hh", numpy.zeros((512, 128)))
    writer.tensor("_model.decoder.rnn.bias_ih", bias)
    writer.tensor("_model.decoder.rnn.bias_hh", numpy.zeros(512))
    final = numpy.zeros((1, 128))
    final[0, 0] = 20
    writer.tensor("_model.decoder.decoder.2.weight", final, F16)
    writer.tensor("_model.decoder.decoder.2.bias", numpy.array([-8.0]))


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_whisper(folder / "ggml-tiny-test.bin", True)
    write_whisper(folder / "ggml-tiny-test.en.bin", False)
    write_voice_activity(folder / "ggml-silero-test.bin")
