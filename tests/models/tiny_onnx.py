#!/usr/bin/python3
"""Tiny ONNX models with made-up weights, in the formats and under the file names that sherpa-onnx reads: one folder for each family.

    tiny_onnx.py FOLDER

They prove loading, plumbing and failures. What they "say" are tones, one for each symbol of the text; what they "hear" are letters.
"""

import json
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

RANDOM = numpy.random.default_rng(7)
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
node = helper.make_node

# What espeak-ng writes down; piper's and kokoro's symbols are these characters.
PHONEMES = list("_^$ !'(),-.:;?abcdefghijklmnopqrstuvwxyzæçðøħŋœǀɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɡɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʜʝʟʡʢʲˈˌːˑ˞βθχᵻⱱ̩̃")
WORDS = ["▁" + word for word in "the a of to in is hello world".split()] + list("abcdefghijklmnopqrstuvwxyz'")


def floats(*shape, scale=1.0):
    return (RANDOM.standard_normal(shape) * scale).astype(numpy.float32)


def ints(*values):
    return numpy.array(values, numpy.int64)


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, list(shape))


def save(path, nodes, inputs, outputs, weights, **metadata):
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, [numpy_helper.from_array(array, name) for name, array in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    helper.set_model_props(model, {key: str(item) for key, item in metadata.items()})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def write_tokens(path, tokens):
    path.write_text("".join(f"{token} {number}\n" for number, token in enumerate(tokens)))


def tones(count, samples, rate, lowest, step):
    """float[count][samples]: a tone for each symbol; the text's rhythm is cut out of it."""
    time = numpy.arange(samples) / rate
    return numpy.stack([0.3 * numpy.sin(2 * numpy.pi * (lowest + step * row) * time) for row in range(count)]).astype(numpy.float32)


# ---- speech ----

# So many samples of each symbol's tone are played as `length` says, a float[1].
CUT = [node("Mul", ["hop", "length"], ["wide"]), node("Cast", ["wide"], ["columns"], to=INT64),
       node("Slice", ["all", "zero", "columns", "last"], ["cut"])]


def piper(folder, speakers):
    folder.mkdir()
    write_tokens(folder / "tokens.txt", PHONEMES)
    name = "en_US-tiny-low" if speakers == 1 else "en_US-crowd-low"
    several = speakers > 1
    nodes = [node("Gather", ["table", "input"], ["all"], axis=0), node("Gather", ["scales", "one"], ["length"]), *CUT]
    inputs = [value("input", INT64, 1, "T"), value("input_lengths", INT64, 1), value("scales", FLOAT, 3)]
    if several:  # each speaker is a little louder than the one before
        nodes += [node("Cast", ["sid"], ["number"], to=FLOAT), node("Mul", ["number", "quarter"], ["more"]), node("Add", ["more", "quarter"], ["gain"]),
                  node("Mul", ["cut", "gain"], ["loud"])]
        inputs.append(value("sid", INT64, 1))
    nodes.append(node("Reshape", ["loud" if several else "cut", "shape"], ["output"]))
    save(folder / f"{name}.onnx", nodes, inputs, [value("output", FLOAT, 1, 1, 1, "N")],
         {"table": tones(len(PHONEMES), 1024, 16000, 120, 23), "hop": numpy.array([256], numpy.float32), "zero": ints(0), "last": ints(2),
          "one": ints(1), "shape": ints(1, 1, 1, -1), **({"quarter": numpy.array([0.25], numpy.float32)} if several else {})},
         model_type="vits", comment="piper", language="English", voice="en-us", has_espeak=1, n_speakers=speakers, sample_rate=16000)
    about = {"audio": {"sample_rate": 16000}, "dataset": "tiny", "espeak": {"voice": "en-us"}, "language": {"code": "en_US"},
             "num_speakers": speakers, "speaker_id_map": {f"p{225 + number}": number for number in range(speakers)} if several else {}}
    (folder / f"{name}.onnx.json").write_text(json.dumps(about))


def styled(folder, file, style, **metadata):
    """kokoro and kitten: a style vector for the voice, which here makes it loud or quiet."""
    write_tokens(folder / "tokens.txt", PHONEMES)
    save(folder / file,
         [node("Gather", ["table", "tokens"], ["all"], axis=0), node("Reciprocal", ["speed"], ["length"]), *CUT,
          node("ReduceMean", ["style"], ["mean"], axes=[1], keepdims=1), node("Mul", ["cut", "mean"], ["loud"]), node("Reshape", ["loud", "flat"], ["audio"])],
         [value("tokens", INT64, 1, "T"), value("style", FLOAT, 1, style), value("speed", FLOAT, 1)], [value("audio", FLOAT, "N")],
         {"table": tones(len(PHONEMES), 1200, 24000, 100, 17), "hop": numpy.array([300], numpy.float32), "zero": ints(0), "last": ints(2), "flat": ints(-1)},
         language="English", has_espeak=1, sample_rate=24000, voice="en-us", **metadata)


def kokoro(folder, names=("af_heart", "am_adam", "bf_emma"), version=1):
    """Version 2 reads several languages, with lexicons for two of them."""
    folder.mkdir()
    lengths, style = 510, 256
    if version > 1:
        (folder / "lexicon-us-en.txt").write_text("hello h e l o\nworld w o l d\n")
        (folder / "lexicon-gb-en.txt").write_text("hello h a l o\nworld w a l d\n")
        (folder / "lexicon-zh.txt").write_text("你 n i\n好 h a o\n")
    # float[speaker][length of the text][1][style]: a loudness for each speaker, a little different for each length
    loudness = numpy.array([0.3, 0.6, 0.9], numpy.float32).reshape(3, 1, 1, 1) + floats(3, lengths, 1, style, scale=0.01)
    loudness.astype(numpy.float32).tofile(folder / "voices.bin")
    styled(folder, "model.onnx", style, model_type="kokoro", version=version, n_speakers=len(names), style_dim=f"{lengths},1,{style}",
           speaker_names=",".join(names))


def kitten(folder):
    folder.mkdir()
    style = 256
    (numpy.array([0.3, 0.6], numpy.float32).reshape(2, 1) + floats(2, style, scale=0.01)).astype(numpy.float32).tofile(folder / "voices.bin")
    styled(folder, "model.fp16.onnx", style, model_type="kitten-tts", n_speakers=2, style_dim=f"1,{style}", speaker_names="expr-voice-2-m,expr-voice-2-f")


def matcha(folder):
    folder.mkdir()
    write_tokens(folder / "tokens.txt", PHONEMES)
    mels = 80
    save(folder / "model-steps-3.onnx",
         [node("Gather", ["table", "x"], ["all"], axis=0), node("Identity", ["length_scale"], ["length"]), *CUT,
          node("Reshape", ["cut", "rows"], ["frames"]), node("Transpose", ["frames"], ["mel"], perm=[0, 2, 1])],
         [value("x", INT64, 1, "T"), value("x_length", INT64, 1), value("noise_scale", FLOAT, 1), value("length_scale", FLOAT, 1)],
         [value("mel", FLOAT, 1, mels, "F")],
         {"table": floats(len(PHONEMES), 16 * mels).reshape(len(PHONEMES), 16, mels), "hop": numpy.array([4], numpy.float32), "zero": ints(0),
          "last": ints(2), "rows": ints(1, -1, mels)},
         model_type="matcha-tts", language="English", voice="en-us", has_espeak=1, jieba=0, n_speakers=1, sample_rate=22050, pad_id=0, use_icefall=1,
         use_eos_bos=1, num_ode_steps=3, version=1)
    save(folder / "hifigan_v2.onnx",
         [node("Transpose", ["mel"], ["frames"], perm=[0, 2, 1]), node("MatMul", ["frames", "weights"], ["sound"]), node("Tanh", ["sound"], ["soft"]),
          node("Reshape", ["soft", "flat"], ["audio"])],
         [value("mel", FLOAT, 1, mels, "F")], [value("audio", FLOAT, 1, "N")],
         {"weights": tones(mels, 256, 22050, 80, 20) * 0.1, "flat": ints(1, -1)}, model_type="hifigan", sample_rate=22050)


def pocket(folder):
    """24 kHz, 1920 samples a frame, 32 latents, 1024 numbers of conditioning. Text and reference change what is said; the text's length how long."""
    folder.mkdir()
    width, latents, frame = 1024, 32, 1920
    save(folder / "encoder.onnx",
         [node("Pad", ["audio", "pads"], ["padded"]), node("Conv", ["padded", "w"], ["frames"], strides=[frame], kernel_shape=[frame]),
          node("Transpose", ["frames"], ["z"], perm=[0, 2, 1])],
         [value("audio", FLOAT, 1, 1, "N")], [value("z", FLOAT, 1, "F", width)], {"w": floats(width, 1, frame, scale=0.02), "pads": ints(0, 0, 0, 0, 0, frame - 1)})
    pieces = ["<unk>", "<s>", "</s>", "<pad>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["▁"] + [chr(code) for code in range(33, 127)]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}, ensure_ascii=False))
    (folder / "token_scores.json").write_text(json.dumps({piece: -11.0 if 3 < number < 260 else -1.0 for number, piece in enumerate(pieces)}, ensure_ascii=False))
    save(folder / "text_conditioner.onnx", [node("Gather", ["table", "token_ids"], ["embeddings"], axis=0)], [value("token_ids", INT64, 1, "T")],
         [value("embeddings", FLOAT, 1, "T", width)], {"table": floats(len(pieces), width, scale=0.3)})
    save(folder / "lm_main.onnx", [
        node("ReduceSum", ["text", "axis"], ["said"], keepdims=0), node("IsNaN", ["sequence"], ["start"]), node("Where", ["start", "nothing", "sequence"], ["frames"]),
        node("ReduceSum", ["frames", "axis"], ["sum"], keepdims=0), node("MatMul", ["sum", "w"], ["heard"]), node("Add", ["said", "heard"], ["both"]),
        node("Add", ["both", "state"], ["state_out"]), node("Tanh", ["state_out"], ["conditioning"]),
        node("Shape", ["sequence"], ["shape"]), node("Gather", ["shape", "one"], ["steps"], axis=0), node("Cast", ["steps"], ["many"], to=FLOAT),
        node("Reshape", ["many", "square"], ["more"]), node("Add", ["count", "more"], ["count_out"]), node("Sub", ["count_out", "limit"], ["eos_logit"])],
        [value("sequence", FLOAT, 1, "S", latents), value("text", FLOAT, 1, "T", width), value("state", FLOAT, 1, width), value("count", FLOAT, 1, 1)],
        [value("conditioning", FLOAT, 1, width), value("eos_logit", FLOAT, 1, 1), value("state_out", FLOAT, 1, width), value("count_out", FLOAT, 1, 1)],
        {"axis": ints(1), "nothing": numpy.array(0, numpy.float32), "w": floats(latents, width, scale=0.2), "one": ints(1), "square": ints(1, 1),
         "limit": numpy.array([[14.5]], numpy.float32)})
    save(folder / "lm_flow.onnx",
         [node("MatMul", ["c", "w1"], ["a"]), node("MatMul", ["x", "w2"], ["b"]), node("Add", ["a", "b"], ["ab"]), node("Sub", ["t", "s"], ["d"]),
          node("Mul", ["ab", "d"], ["y0"]), node("Sub", ["y0", "x"], ["y"])],
         [value("c", FLOAT, 1, width), value("s", FLOAT, 1, 1), value("t", FLOAT, 1, 1), value("x", FLOAT, 1, latents)], [value("y", FLOAT, 1, latents)],
         {"w1": floats(width, latents, scale=0.05), "w2": floats(latents, latents, scale=0.2)})
    save(folder / "decoder.onnx",
         [node("MatMul", ["latent", "w"], ["h"]), node("Tanh", ["h"], ["soft"]), node("Mul", ["soft", "half"], ["m"]), node("Reshape", ["m", "shape"], ["audio_frame"]),
          node("Identity", ["state"], ["state_out"])],
         [value("latent", FLOAT, 1, "F", latents), value("state", FLOAT, 1, 4)], [value("audio_frame", FLOAT, 1, 1, "N"), value("state_out", FLOAT, 1, 4)],
         {"w": tones(latents, frame, 24000, 60, 40), "half": numpy.array(0.5, numpy.float32), "shape": ints(1, 1, -1)})


def supertonic(folder):
    """Latents of 24 numbers, 384 samples each. The voice's style makes it loud or quiet, the text how long."""
    folder.mkdir()
    latents, chunk, width, speakers = 24, 384, 8, 2
    (folder / "tts.json").write_text(json.dumps({"ae": {"sample_rate": 22050, "base_chunk_size": 64}, "ttl": {"chunk_compress_factor": 6, "latent_dim": 4}}))
    numpy.arange(65536, dtype=numpy.int32).clip(max=255).tofile(folder / "unicode_indexer.bin")
    ttl, dp = numpy.full((speakers, 5, width), 0.3, numpy.float32), floats(speakers, 3, 4)
    ttl[1] = 0.6
    (folder / "voice.bin").write_bytes(ints(*ttl.shape, *dp.shape).tobytes() + ttl.tobytes() + dp.tobytes())
    save(folder / "duration_predictor.int8.onnx",
         [node("ReduceSum", ["text_mask", "axis"], ["count"], keepdims=0), node("Mul", ["count", "each"], ["long"]), node("Reshape", ["long", "flat"], ["duration"])],
         [value("text_ids", INT64, 1, "T"), value("style_dp", FLOAT, 1, 3, 4), value("text_mask", FLOAT, 1, 1, "T")], [value("duration", FLOAT, 1)],
         {"axis": ints(2), "each": numpy.array(0.05, numpy.float32), "flat": ints(1)})
    save(folder / "text_encoder.int8.onnx",
         [node("Gather", ["table", "text_ids"], ["e"], axis=0), node("Transpose", ["e"], ["text_emb"], perm=[0, 2, 1])],
         [value("text_ids", INT64, 1, "T"), value("style_ttl", FLOAT, 1, 5, width), value("text_mask", FLOAT, 1, 1, "T")], [value("text_emb", FLOAT, 1, width, "T")],
         {"table": floats(256, width)})
    save(folder / "vector_estimator.int8.onnx",
         [node("ReduceMean", ["text_emb"], ["said"], axes=[2], keepdims=1), node("MatMul", ["w", "said"], ["tune"]), node("Mul", ["noisy_latent", "little"], ["noise"]),
          node("Add", ["noise", "tune"], ["sum"]), node("Tanh", ["sum"], ["soft"]), node("ReduceMean", ["style_ttl"], ["loud"], axes=[1, 2], keepdims=1),
          node("Mul", ["soft", "loud"], ["denoised_latent"])],
         [value("noisy_latent", FLOAT, 1, latents, "L"), value("text_emb", FLOAT, 1, width, "T"), value("style_ttl", FLOAT, 1, 5, width),
          value("latent_mask", FLOAT, 1, 1, "L"), value("text_mask", FLOAT, 1, 1, "T"), value("current_step", FLOAT, 1), value("total_step", FLOAT, 1)],
         [value("denoised_latent", FLOAT, 1, latents, "L")], {"w": floats(latents, width, scale=3), "little": numpy.array(0.1, numpy.float32)})
    save(folder / "vocoder.int8.onnx",
         [node("Transpose", ["latent"], ["lt"], perm=[0, 2, 1]), node("MatMul", ["lt", "w"], ["sound"]), node("Reshape", ["sound", "shape"], ["wav_tts"])],
         [value("latent", FLOAT, 1, latents, "L")], [value("wav_tts", FLOAT, 1, "N")], {"w": tones(latents, chunk, 22050, 120, 57) * 0.3, "shape": ints(1, -1)})


def zipvoice(folder):
    """Frames of 100 mels; those of the reference stand before those of the text, and go into the sound."""
    folder.mkdir()
    write_tokens(folder / "tokens.txt", PHONEMES)
    (folder / "lexicon.txt").write_text("hello h e l o\n")
    mels, bins = 100, 513
    save(folder / "encoder.int8.onnx",
         [node("Gather", ["table", "tokens"], ["all"], axis=0), node("Reciprocal", ["speed"], ["length"]), *CUT, node("Reshape", ["cut", "rows"], ["said"]),
          node("Concat", ["first", "prompt_features_len", "mels"], ["shape"], axis=0), node("ConstantOfShape", ["shape"], ["before"]),
          node("Concat", ["before", "said"], ["text_condition"], axis=1)],
         [value("tokens", INT64, 1, "T"), value("prompt_tokens", INT64, 1, "P"), value("prompt_features_len", INT64, 1), value("speed", FLOAT, 1)],
         [value("text_condition", FLOAT, 1, "F", mels)],
         {"table": floats(len(PHONEMES), 32, mels), "hop": numpy.array([8], numpy.float32), "zero": ints(0), "last": ints(2), "rows": ints(1, -1, mels),
          "first": ints(1), "mels": ints(mels)}, use_espeak=1)
    save(folder / "decoder.int8.onnx",
         [node("ReduceMean", ["speech_condition"], ["voice"], axes=[1], keepdims=1), node("Add", ["text_condition", "voice"], ["sum"]), node("Sub", ["sum", "x"], ["v"])],
         [value("t", FLOAT, 1), value("x", FLOAT, 1, "F", mels), value("text_condition", FLOAT, 1, "F", mels), value("speech_condition", FLOAT, 1, "F", mels),
          value("guidance_scale", FLOAT, 1)], [value("v", FLOAT, 1, "F", mels)], {}, version=1, feat_dim=mels, sample_rate=24000, n_fft=1024, hop_length=256,
         window_length=1024, num_mels=mels)
    save(folder / "vocos_24khz.onnx",
         [node("MatMul", ["w", "mels"], ["m"]), node("Tanh", ["m"], ["mag"]), node("Mul", ["mag", "none"], ["y"]), node("Add", ["y", "one"], ["x"])],
         [value("mels", FLOAT, 1, mels, "F")], [value("mag", FLOAT, 1, bins, "F"), value("x", FLOAT, 1, bins, "F"), value("y", FLOAT, 1, bins, "F")],
         {"w": floats(bins, mels, scale=0.01), "none": numpy.array(0, numpy.float32), "one": numpy.array(1, numpy.float32)}, model_type="vocos", n_fft=1024,
         hop_length=256, win_length=1024, window_type="hann", center=1, pad_mode="reflect", normalized=0)


# ---- hearing ----

HEARD = {"vocab_size": len(WORDS), "subsampling_factor": 8, "normalize_type": "per_feature"}


def nemo_ctc(folder):
    folder.mkdir()
    tokens = WORDS + ["<blk>"]
    write_tokens(folder / "tokens.txt", tokens)
    save(folder / "model.int8.onnx",
         [node("Conv", ["audio_signal", "w"], ["c"], strides=[8], kernel_shape=[8], pads=[0, 8]), node("Transpose", ["c"], ["ct"], perm=[0, 2, 1]),
          node("LogSoftmax", ["ct"], ["logprobs"], axis=-1)],
         [value("audio_signal", FLOAT, "B", 80, "T"), value("length", INT64, "B")], [value("logprobs", FLOAT, "B", "U", len(tokens))],
         {"w": floats(len(tokens), 80, 8, scale=0.1)}, model_type="EncDecCTCModelBPE", **HEARD)


def transducer(folder):
    """A zipformer, as icefall exports it: the joiner says a token or a blank for each frame."""
    folder.mkdir()
    tokens = ["<blk>", "<sos/eos>", "<unk>"] + WORDS
    write_tokens(folder / "tokens.txt", tokens)
    width = 16
    save(folder / "encoder-epoch-1-avg-1.onnx",
         [node("Transpose", ["x"], ["xt"], perm=[0, 2, 1]), node("Conv", ["xt", "w"], ["c"], strides=[4], kernel_shape=[4]),
          node("Transpose", ["c"], ["encoder_out"], perm=[0, 2, 1]), node("Div", ["x_lens", "four"], ["encoder_out_lens"])],
         [value("x", FLOAT, "N", "T", 80), value("x_lens", INT64, "N")],
         [value("encoder_out", FLOAT, "N", "U", width), value("encoder_out_lens", INT64, "N")],
         {"w": floats(width, 80, 4, scale=0.05), "four": ints(4)}, model_type="zipformer", version=1, comment="non-streaming zipformer")
    save(folder / "decoder-epoch-1-avg-1.onnx",
         [node("Gather", ["table", "y"], ["e"], axis=0), node("ReduceMean", ["e"], ["decoder_out"], axes=[1], keepdims=0)],
         [value("y", INT64, "N", 2)], [value("decoder_out", FLOAT, "N", width)], {"table": floats(len(tokens), width)}, context_size=2, vocab_size=len(tokens))
    save(folder / "joiner-epoch-1-avg-1.onnx",
         [node("Add", ["encoder_out", "decoder_out"], ["sum"]), node("Tanh", ["sum"], ["t"]), node("MatMul", ["t", "w"], ["logit"])],
         [value("encoder_out", FLOAT, "N", width), value("decoder_out", FLOAT, "N", width)], [value("logit", FLOAT, "N", len(tokens))],
         {"w": floats(width, len(tokens))}, joiner_dim=width)


def sense_voice(folder):
    """Four tokens of language, mood, event and style come before the words."""
    folder.mkdir()
    tokens = ["<blank>", "<s>", "</s>"] + WORDS + ["<|en|>", "<|NEUTRAL|>", "<|Speech|>", "<|woitn|>"]
    write_tokens(folder / "tokens.txt", tokens)
    width = 560
    weights = floats(width, len(tokens), scale=0.05)
    weights[:, 3:11] *= 2  # words begin often
    head = numpy.full((1, 4, len(tokens)), -20, numpy.float32)
    for place in range(4):
        head[0, place, len(tokens) - 4 + place] = 0
    save(folder / "model.int8.onnx",
         [node("MatMul", ["x", "w"], ["y"]), node("LogSoftmax", ["y"], ["words"], axis=-1), node("Concat", ["head", "words"], ["logits"], axis=1)],
         [value("x", FLOAT, 1, "T", width), value("x_length", TensorProto.INT32, 1), value("language", TensorProto.INT32, 1), value("text_norm", TensorProto.INT32, 1)],
         [value("logits", FLOAT, 1, "U", len(tokens))], {"w": weights, "head": head},
         model_type="sense_voice_ctc", vocab_size=len(tokens), blank_id=0, lfr_window_size=7, lfr_window_shift=6, normalize_samples=0, with_itn=14, without_itn=15,
         lang_auto=0, lang_zh=3, lang_en=4, lang_ja=11, lang_ko=12, lang_yue=7, neg_mean=",".join(["-10"] * width), inv_stddev=",".join(["0.2"] * width))


def moonshine(folder):
    """Four graphs; one token for each step, of which the encoder's frames decide. No times."""
    folder.mkdir()
    tokens = ["<unk>", "<s>", "</s>"] + WORDS
    write_tokens(folder / "tokens.txt", tokens)
    width, int32 = 16, TensorProto.INT32
    save(folder / "preprocess.onnx",
         [node("Unsqueeze", ["audio", "one"], ["a"]), node("Conv", ["a", "w"], ["c"], strides=[384], kernel_shape=[384]), node("Transpose", ["c"], ["features"], perm=[0, 2, 1])],
         [value("audio", FLOAT, 1, "N")], [value("features", FLOAT, 1, "T", width)], {"w": floats(width, 1, 384, scale=0.2), "one": ints(1)})
    save(folder / "encode.int8.onnx", [node("Tanh", ["features"], ["encoder_out"]), node("Identity", ["features_len"], ["unused"])],
         [value("features", FLOAT, 1, "T", width), value("features_len", int32, 1)], [value("encoder_out", FLOAT, 1, "T", width)], {})
    weights = floats(width, len(tokens))
    weights[:, :3] = 0  # it never ends by itself, and never finds nothing
    for name, cached in (("uncached_decode.int8.onnx", False), ("cached_decode.int8.onnx", True)):
        save(folder / name,
             [node("Shape", ["encoder_out"], ["shape"]), node("Gather", ["shape", "one"], ["frames"], axis=0), node("Cast", ["seq_len"], ["step"], to=INT64),
              node("Mul", ["step", "three"], ["far"]), node("Mod", ["far", "frames"], ["frame"]), node("Gather", ["encoder_out", "frame"], ["e"], axis=1),
              node("Abs", ["e"], ["abs"]), node("MatMul", ["abs", "w"], ["logits"]), node("Cast", ["tokens"], ["state_out"], to=FLOAT)]
             + ([node("Identity", ["state"], ["unused"])] if cached else []),
             [value("tokens", int32, 1, 1), value("encoder_out", FLOAT, 1, "T", width), value("seq_len", int32, 1)] + ([value("state", FLOAT, 1, 1)] if cached else []),
             [value("logits", FLOAT, 1, 1, len(tokens)), value("state_out", FLOAT, 1, 1)], {"one": ints(1), "three": ints(3), "w": weights})


def silero(path):
    """Version 5: hears speech wherever it is loud."""
    save(path,
         [node("ReduceL2", ["input"], ["loud"], axes=[1], keepdims=1), node("Sub", ["loud", "quiet"], ["more"]), node("Sigmoid", ["more"], ["output"]),
          node("Identity", ["state"], ["stateN"]), node("Identity", ["sr"], ["unused"])],
         [value("input", FLOAT, 1, "N"), value("state", FLOAT, 2, 1, 128), value("sr", INT64, 1)], [value("output", FLOAT, 1, 1), value("stateN", FLOAT, 2, 1, 128)],
         {"quiet": numpy.array([[1]], numpy.float32)})


# ---- who speaks when ----


def diarisation(folder):
    """Two voices, told apart by how often their sound crosses zero: below or above about 500 Hz."""
    folder.mkdir()
    window, step, frames = 160000, 270, 589
    # Per frame: the power, and the power of the difference of neighbours, which grows with the pitch.
    classes = 7  # nobody, three speakers, three pairs
    weights = numpy.zeros((2, classes), numpy.float32)
    weights[:, 1] = [1, -8]
    weights[:, 2] = [-0.3, 8]
    bias = numpy.full(classes, -9, numpy.float32)
    bias[0], bias[1], bias[2] = 0.02, 0, 0
    save(folder / "segmentation-3-0.onnx",
         [node("Conv", ["x", "same"], ["sound"], kernel_shape=[2], pads=[1, 0]), node("Mul", ["sound", "sound"], ["power"]),
          node("AveragePool", ["power"], ["frames"], kernel_shape=[step], strides=[step]), node("Slice", ["frames", "from", "to", "last"], ["cut"]),
          node("Transpose", ["cut"], ["ft"], perm=[0, 2, 1]), node("Mul", ["ft", "scale"], ["f"]), node("MatMul", ["f", "w"], ["z"]), node("Add", ["z", "b"], ["y"])],
         [value("x", FLOAT, "N", 1, "T")], [value("y", FLOAT, "N", "F", classes)],
         {"same": numpy.array([[[0, 1]], [[-1, 1]]], numpy.float32), "from": ints(0), "to": ints(frames), "last": ints(2), "scale": numpy.array(10, numpy.float32),
          "w": weights, "b": bias},
         num_speakers=3, powerset_max_classes=2, num_classes=classes, sample_rate=16000, window_size=window, receptive_field_size=991, receptive_field_shift=step)
    # The mean of the filter bank: which bands are loud.
    save(folder / "embedding.onnx",
         [node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0), node("ReduceMean", ["mean"], ["all"], axes=[1], keepdims=1), node("Sub", ["mean", "all"], ["bands"]), node("Add", ["bands", "alike"], ["y"])],
         [value("x", FLOAT, "N", "T", 80)], [value("y", FLOAT, "N", 80)], {"alike": numpy.array([3], numpy.float32)}, framework="wespeaker", language="English", sample_rate=16000, output_dim=80,
         normalize_samples=0, feature_normalize_type="")


def main():
    global RANDOM
    folder = pathlib.Path(sys.argv[1])
    for name, make in {"piper": lambda to: piper(to, 1), "piper_crowd": lambda to: piper(to, 3), "kokoro": kokoro,
                       "kokoro_multi": lambda to: kokoro(to, ("af_heart", "ef_dora", "zf_xiaobei"), 2), "kitten": kitten, "matcha": matcha,
                       "pocket": pocket, "supertonic": supertonic, "zipvoice": zipvoice, "nemo_ctc": nemo_ctc, "transducer": transducer,
                       "sense_voice": sense_voice, "moonshine": moonshine, "diarisation": diarisation}.items():
        RANDOM = numpy.random.default_rng(7)  # whatever the others took
        make(folder / name)
    silero(folder / "silero_vad.onnx")


main()
