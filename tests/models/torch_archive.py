"""Writes what torch.save() writes for a dictionary of tensors (pytorch_model.bin), without PyTorch: a zip of a pickle and of the
tensors' bytes.

    save(path, {"cls.predictions.bias": array})    # numpy: float32, float16, int64
"""

import collections
import io
import pickle
import sys
import types
import zipfile

import numpy

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


class Storage:
    def __init__(self, kind, key, count):
        self.kind, self.key, self.count = kind, key, count


def rebuild(*_):
    raise NotImplementedError("this module only writes")


def torch_modules():
    """Modules of the names that the pickle speaks of, for as long as it is written."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    torch._utils = utils
    return {"torch": torch, "torch._utils": utils}


class Tensor:
    def __init__(self, array, key, kind):
        self.array, self.key, self.kind = array, key, kind

    def __reduce_ex__(self, _):
        strides = tuple(stride // self.array.itemsize for stride in self.array.strides)
        storage = Storage(self.kind, self.key, self.array.size)
        return rebuild, (storage, 0, self.array.shape, strides, False, collections.OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, item):
        if isinstance(item, Storage):
            return ("storage", item.kind, item.key, "cpu", item.count)
        return None


def pickled(tensors):
    modules = torch_modules()
    sys.modules.update(modules)
    try:
        named = collections.OrderedDict()
        for i, (name, array) in enumerate(tensors.items()):
            named[name] = Tensor(array, str(i), getattr(modules["torch"], STORAGES[str(array.dtype)]))
        named._metadata = collections.OrderedDict({"": {"version": 1}})
        out = io.BytesIO()
        Pickler(out, protocol=2).dump(named)
        return out.getvalue()
    finally:
        for name in modules:
            del sys.modules[name]


def save(path, tensors, program=None):
    """`program`: another pickle instead."""
    tensors = {name: numpy.ascontiguousarray(array) for name, array in tensors.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled(tensors) if program is None else program)
        archive.writestr("archive/byteorder", "little")
        for i, array in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{i}", array.tobytes())
        archive.writestr("archive/version", "3\n")
