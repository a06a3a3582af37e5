"""Writes safetensors files as PyTorch programs do: eight bytes of length, a JSON header, the tensors one after another.

    save(path, {"cls.predictions.bias": array})    # numpy: float32, float16, int64; Bf16(array) for what numpy has no type for
"""

import json
import struct

import numpy


class Bf16:
    """float32 numbers that are stored as their upper halves, rounded to the nearest."""

    def __init__(self, array):
        bits = numpy.ascontiguousarray(array, numpy.float32).view(numpy.uint32)
        self.bits = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)

    def values(self):
        return (self.bits.astype(numpy.uint32) << 16).view(numpy.float32)


NAMES = {numpy.dtype("float32"): "F32", numpy.dtype("float16"): "F16", numpy.dtype("int64"): "I64"}


def encoded(tensor):
    """(dtype, shape, bytes)."""
    if isinstance(tensor, Bf16):
        return "BF16", tensor.bits.shape, tensor.bits.tobytes()
    return NAMES[tensor.dtype], tensor.shape, numpy.ascontiguousarray(tensor).tobytes()


def header(tensors):
    described, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        kind, shape, data = encoded(tensor)
        described[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    return described


def write(path, described, data):
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.writelines(data)


def save(path, tensors):
    write(path, header(tensors), [encoded(tensor)[2] for tensor in tensors.values()])
