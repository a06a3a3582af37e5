"""What turns pictures into tiny_llama's tokens, with random weights: a folder with mmproj-tiny-clip.gguf and the model beside it."""

import pathlib
import sys

import numpy

import tiny_llama
from gguf import Gguf, f32, u32

WIDTH, LAYERS, INNER, HEADS, IMAGE, PATCH = 32, 2, 64, 2, 28, 14
PATCHES = (IMAGE // PATCH) ** 2


def write_projector(path):
    random = numpy.random.RandomState(7)
    file = Gguf("clip")
    file.set("general.name", "tiny-random-clip")
    file.set("general.file_type", u32(0))
    for key, value in {"has_vision_encoder": True, "has_text_encoder": False, "has_llava_projector": True, "use_gelu": False}.items():
        file.set("clip." + key, value)
    file.set("clip.projector_type", "mlp")
    for key, value in {"image_size": IMAGE, "patch_size": PATCH, "embedding_length": WIDTH, "feed_forward_length": INNER,
                       "projection_dim": tiny_llama.WIDTH, "attention.head_count": HEADS, "block_count": LAYERS}.items():
        file.set("clip.vision." + key, u32(value))
    file.set("clip.vision.attention.layer_norm_epsilon", f32(1e-5))
    file.set("clip.vision.image_mean", f32([0.48, 0.45, 0.40]))
    file.set("clip.vision.image_std", f32([0.26, 0.26, 0.27]))

    def tensor(name, *shape, spread=0.1):
        file.tensor(name, random.normal(0, spread, shape).astype("float32"))

    def norm(name):
        file.tensor(name + ".weight", numpy.ones(WIDTH, "float32"))
        file.tensor(name + ".bias", numpy.zeros(WIDTH, "float32"))

    tensor("v.class_embd", WIDTH)
    tensor("v.patch_embd.weight", WIDTH, 3, PATCH, PATCH)
    tensor("v.position_embd.weight", PATCHES + 1, WIDTH)
    norm("v.pre_ln")
    for layer in range(LAYERS):
        block = f"v.blk.{layer}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensor(block + part + ".weight", WIDTH, WIDTH)
            tensor(block + part + ".bias", WIDTH, spread=0.01)
        norm(block + "ln1")
        norm(block + "ln2")
        tensor(block + "ffn_down.weight", WIDTH, INNER)
        tensor(block + "ffn_down.bias", WIDTH, spread=0.01)
        tensor(block + "ffn_up.weight", INNER, WIDTH)
        tensor(block + "ffn_up.bias", INNER, spread=0.01)
    tensor("mm.0.weight", tiny_llama.WIDTH, WIDTH, spread=0.2)
    tensor("mm.0.bias", tiny_llama.WIDTH, spread=0.01)
    tensor("mm.2.weight", tiny_llama.WIDTH, tiny_llama.WIDTH, spread=0.2)
    tensor("mm.2.bias", tiny_llama.WIDTH, spread=0.01)
    file.save(path)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    tiny_llama.write_model(folder / "tiny-llama.gguf")
    write_projector(folder / "mmproj-tiny-clip.gguf")
