#!/usr/bin/python3
"""Many small requests for vectors: one after another, and from 16 clients at once, which the engine gathers into calls.

    vectors.py [GGUF…]     SPLADE with random weights (0.3 MB and 27 MB); each GGUF is an embedding model for llama-server

One thread computes. $HOSTLER_BUILD: another build's bin folder; $HOSTLER_GGML_CPU: one backend of ggml.
"""

import http.client
import json
import os
import pathlib
import sys
import tempfile
import threading
import time

import harness

if "HOSTLER_BUILD" in os.environ:
    harness.BIN = pathlib.Path(os.environ.pop("HOSTLER_BUILD")).resolve()  # the daemon knows no such variable

sys.path.insert(0, str(harness.ROOT / "tests" / "models"))
import tiny_splade  # noqa: E402

CLIENTS = 16
SECONDS = 3
TEXTS = ["the cat is playing", "what is the capital of france", "dogs and cats play", "paris is the capital", "a naive cafe", "unplayable"]


def model(name, kind, engine, path):
    return f'[[model]]\nid = "{name}"\ntype = "{kind}"\nengine = "{engine}"\npath = "{path}"\n'


def rate(daemon, route, name, clients):
    """Requests per second."""
    counts = [0] * clients
    begin = time.perf_counter()

    def work(i):
        connection = http.client.HTTPConnection(daemon.host, daemon.port)
        while time.perf_counter() < begin + SECONDS:
            connection.request("POST", route, json.dumps({"model": name, "input": TEXTS[(i + counts[i]) % len(TEXTS)]}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{name}: {answer.status} {data[:200]}")
            counts[i] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - begin)


def measure(daemon, route, name):
    daemon.post("/models/load", {"model_id": name})
    rate(daemon, route, name, 1)  # warm
    alone = rate(daemon, route, name, 1)
    crowd = rate(daemon, route, name, CLIENTS)
    begin = time.perf_counter()
    list_of = [TEXTS[i % len(TEXTS)] for i in range(128)]
    daemon.post(route, {"model": name, "input": list_of})
    listed = 128 / (time.perf_counter() - begin)
    print(f"{name}: one by one {alone:.0f}/s, {CLIENTS} clients {crowd:.0f}/s ({crowd / alone:.1f} times), a list of 128 {listed:.0f}/s")


def main():
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        folder = pathlib.Path(folder)
        small = tiny_splade.configuration()
        tiny_splade.save(folder / "small", tiny_splade.bert(small), small)
        words = [*tiny_splade.VOCABULARY, *(f"word{i}" for i in range(8000))]
        large = tiny_splade.configuration(hidden=256, layers=6, inner=1024, vocabulary=len(words))
        tiny_splade.save(folder / "large", tiny_splade.bert(large), large, words)
        engine = harness.BIN / "hostler-engine-llama"
        config = "[engines]\nthreads = 1\n" + "".join(model(f"splade-{name}", "splade", engine, folder / name) for name in ("small", "large"))
        dense = [pathlib.Path(path).resolve() for path in sys.argv[1:]]
        config += "".join(model(path.stem, "embedding", "llama-server", path) for path in dense)
        with harness.Daemon(config) as daemon:
            for name in ("splade-small", "splade-large"):
                measure(daemon, "/v1/sparse-embeddings", name)
            for path in dense:
                measure(daemon, "/v1/embeddings", path.stem)


if __name__ == "__main__":
    main()
