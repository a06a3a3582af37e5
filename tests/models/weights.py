"""Random weights for tiny models."""

import numpy


class Weights:
    """Puts tensors into a file of gguf.py: random, and the same on every machine."""

    def __init__(self, seed, file):
        self.random, self.file = numpy.random.default_rng(seed), file

    def put(self, name, *shape, scale=None, half=False):
        fan = shape[-1] if len(shape) == 2 else int(numpy.prod(shape[1:])) or 1
        scale = fan ** -0.5 if scale is None else scale
        values = self.random.standard_normal(shape) * scale
        self.file.tensor(name, values.astype(numpy.float16 if half else numpy.float32))

    def ones(self, name, size, value=1.0):
        self.file.tensor(name, numpy.full(size, value, numpy.float32))

    def linear(self, name, out, into):
        self.put(name + ".weight", out, into)
        self.put(name + ".bias", out, scale=0.05)

    def conv(self, name, out, into, kernel, half=True, scale=1.0):
        self.put(name + ".weight", out, into, kernel, scale=scale * (into * kernel) ** -0.5, half=half)
        self.put(name + ".bias", out, scale=0.05 * scale)

    def snake(self, name, size):
        self.ones(name + ".alpha", size)
        self.ones(name + ".beta", size)
