#!/usr/bin/python3
"""What hostler adds to the load and the unload of a trivial engine, against the same engine started, loaded and ended by hand,
in turns; and how long a swap takes where there is room for one model."""

import http.client
import json
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

import harness

ENGINE = harness.BIN / "hostler-engine-fake"
TRIVIAL = harness.fake("trivial")


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def by_hand(folder):
    """(load, unload) in seconds: spawn with a listening socket, greet, load, ask what it can; then end it."""
    path = pathlib.Path(folder) / "engine.sock"
    begin = time.perf_counter()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    process = subprocess.Popen([ENGINE, "--listen-fd", str(listener.fileno()), "--threads", "1"], pass_fds=[listener.fileno()],
                               stderr=subprocess.DEVNULL)
    connection = Unix(path)
    for method, route, body in (("GET", "/health", None), ("POST", "/models/load", {"model_id": "trivial"}), ("GET", "/capabilities", None), ("GET", "/voices", None)):
        connection.request(method, route, body and json.dumps(body), {"Content-Type": "application/json"})
        connection.getresponse().read()
    loaded = time.perf_counter()
    process.terminate()
    process.wait()
    ended = time.perf_counter()
    listener.close()
    path.unlink()
    return loaded - begin, ended - loaded


def through(daemon):
    begin = time.perf_counter()
    daemon.post("/models/load", {"model_id": "trivial"})
    loaded = time.perf_counter()
    daemon.post("/models/unload", {"model_id": "trivial"})
    return loaded - begin, time.perf_counter() - loaded


with harness.Daemon(TRIVIAL) as daemon, tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
    rows = [(by_hand(folder), through(daemon)) for _ in range(100)]
    for name, at in (("load", 0), ("unload", 1)):
        direct, ours = [row[0][at] for row in rows], [row[1][at] for row in rows]
        added = statistics.median(b - a for a, b in zip(direct, ours))
        print(f"{name} of a trivial engine: by hand {harness.milliseconds(direct)}; hostler {harness.milliseconds(ours)}; "
              f"hostler adds {1000 * added:.2f} ms, ratio {statistics.median(b / a for a, b in zip(direct, ours)):.2f}")

with harness.Daemon("[models]\nmax_loaded = 1\n") as daemon:
    swaps = []
    for turn in range(60):
        begin = time.perf_counter()
        daemon.post("/v1/audio/speech", {"model": ("espeak", "flite")[turn % 2], "input": "a", "response_format": "pcm"})
        swaps.append(time.perf_counter() - begin)
    print("swap with room for one, first word included:", harness.milliseconds(swaps[1:]))
