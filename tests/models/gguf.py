"""Writes GGUF files (version 3), as llama.cpp reads them: for tiny models with random weights, which prove loading and plumbing
and nothing about quality.

    file = Gguf("llama")                       # general.architecture
    file.set("llama.block_count", u32(2))      # u8 … u64, i32, f32; str, bool and lists of str, u32(…), f32(…) go by themselves
    file.tensor("token_embd.weight", array)    # numpy, float32 or float16; shape as numpy has it (the file has it reversed)
    file.save(path)
"""

import struct

import numpy

ALIGNMENT = 32
F32, F16 = 0, 1
UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
FORMATS = {UINT8: "<B", INT8: "<b", UINT16: "<H", INT16: "<h", UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?", UINT64: "<Q"}


class Typed:
    def __init__(self, kind, value):
        self.kind, self.value = kind, value


def u8(value): return Typed(UINT8, value)
def u32(value): return Typed(UINT32, value)
def i32(value): return Typed(INT32, value)
def u64(value): return Typed(UINT64, value)
def f32(value): return Typed(FLOAT32, value)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def encoded(value):
    """(type, bytes) of one value."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, (str, bytes)):
        return STRING, text(value)
    if isinstance(value, Typed) and isinstance(value.value, (list, tuple)):
        body = b"".join(struct.pack(FORMATS[value.kind], item) for item in value.value)
        return ARRAY, struct.pack("<IQ", value.kind, len(value.value)) + body
    if isinstance(value, Typed):
        return value.kind, struct.pack(FORMATS[value.kind], value.value)
    if isinstance(value, list):
        return ARRAY, struct.pack("<IQ", STRING, len(value)) + b"".join(text(item) for item in value)
    raise TypeError(f"say which type {value!r} has: u32(…), f32(…)")


class Gguf:
    def __init__(self, architecture):
        self.pairs, self.tensors = {}, []
        self.set("general.architecture", architecture)

    def set(self, key, value):
        self.pairs[key] = encoded(value)

    def tensor(self, name, array):
        kinds = {numpy.dtype("float32"): F32, numpy.dtype("float16"): F16}
        self.tensors.append((name, numpy.ascontiguousarray(array), kinds[array.dtype]))

    def save(self, path):
        head = struct.pack("<4sIQQ", b"GGUF", 3, len(self.tensors), len(self.pairs))
        for key, (kind, data) in self.pairs.items():
            head += text(key) + struct.pack("<I", kind) + data
        offset, bodies = 0, []
        for name, array, kind in self.tensors:
            shape = array.shape[::-1]
            head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, offset)
            data = array.tobytes()
            bodies.append(data + bytes(-len(data) % ALIGNMENT))
            offset += len(bodies[-1])
        with open(path, "wb") as out:
            out.write(head + bytes(-len(head) % ALIGNMENT))
            out.writelines(bodies)
