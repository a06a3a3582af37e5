#!/usr/bin/python3
"""What it costs to talk with a language model through hostler: against the same llama-server, reached directly.

The model is tiny and random, so that its own work is as small as it gets; the two ways take turns in one run. Each answer of `chat` is
a stream of 32 tokens, each of `embeddings` the vectors of 4 short texts.
"""

import json
import os
import pathlib
import sys

import harness
from proxy import load, post, ratio

MODELS = pathlib.Path(os.environ.get("BENCH_MODELS", harness.ROOT / "build/dev/models"))


def gguf(name, kind, file, options=""):
    return (f"[[model]]\nid = \"{name}\"\ntype = \"{kind}\"\nengine = \"llama-server\"\npath = \"{MODELS / file}\"\n"
            f"options = {{ threads = 1{options} }}\n")


CASES = {
    "chat": (gguf("chat", "llm", "tiny_llama/tiny-llama.gguf", ", parallel = 4"), "/v1/chat/completions", "/v1/chat/completions",
             {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 32, "stream": True, "ignore_eos": True, "seed": 1}),
    "embeddings": (gguf("embeddings", "embedding", "tiny_bert/tiny-bert.gguf"), "/v1/embeddings", "/upstream/embeddings/v1/embeddings",
                   {"input": ["the cat", "a dog", "paris", "france"]}),
}


def main():
    rounds, seconds = (5, 0.5) if os.environ.get("BENCH_QUICK") else (15, 1)
    for name in sys.argv[1:] or list(CASES):
        model, direct, through, body = CASES[name]
        with harness.Daemon("[server]\nthreads = 1\n" + model) as daemon:
            daemon.post("/models/load", {"model_id": name})
            [engine] = (pathlib.Path(daemon.folder.name) / "run" / "engines").glob("*.sock")
            targets = {"direct": f"unix:{engine},{direct}", "hostler": f"{daemon.host}:{daemon.port},{through}"}
            for connections in (1, 4):
                rows = load("requests", post(json.dumps(body).encode()), targets, connections=connections, rounds=rounds, seconds=seconds)
                print(f"{name}, {connections} connections: " + ", ".join(f"{n} p50 {r['p50']:.0f} µs {r['rate']:.0f}/s" for n, r in rows.items()))
                print(f"  hostler / direct: p50 {ratio(rows, 'hostler', 'direct', 'p50s'):.3f}, throughput {ratio(rows, 'hostler', 'direct', 'rates'):.3f}")


if __name__ == "__main__":
    main()
