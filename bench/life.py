#!/usr/bin/python3
"""What hostler adds to a load and an unload, and how long a swap takes where there is room for one model."""

import time

import harness

with harness.Daemon() as daemon:
    loads, unloads, own = [], [], []
    for _ in range(60):
        begin = time.perf_counter()
        daemon.post("/models/load", {"model_id": "espeak"})
        loaded = time.perf_counter()
        daemon.post("/models/unload", {"model_id": "espeak"})
        loads.append(loaded - begin)
        unloads.append(time.perf_counter() - loaded)
    print("load of espeak, spawn to receipt:", harness.milliseconds(loads))
    print("unload, to the end of its process:", harness.milliseconds(unloads))

with harness.Daemon("[models]\nmax_loaded = 1\n") as daemon:
    swaps = []
    for turn in range(60):
        begin = time.perf_counter()
        daemon.post("/v1/audio/speech", {"model": ("espeak", "flite")[turn % 2], "input": "a", "response_format": "pcm"})
        swaps.append(time.perf_counter() - begin)
    print("swap with room for one, first word included:", harness.milliseconds(swaps[1:]))
