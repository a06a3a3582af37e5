#!/usr/bin/python3
"""What it costs to talk with a language model through hostler: against the same llama-server, reached directly.

The two ways take turns in one run. Each answer of `chat` is a stream of 32 tokens, by a random model of 13 MB, which is a hundredth of a
small real one; each of `tiny` the same by one so small that it costs next to nothing, and each of `embeddings` the vectors of 4 short
texts by such a one.
"""

import json
import os
import pathlib
import sys
import tempfile

import harness
from proxy import load, post, ratio

sys.path.insert(0, str(harness.ROOT / "tests/models"))
import tiny_llama  # noqa: E402

MODELS = pathlib.Path(os.environ.get("BENCH_MODELS", harness.ROOT / "build/dev/models"))


def gguf(name, kind, file, options=""):
    return (f"[[model]]\nid = \"{name}\"\ntype = \"{kind}\"\nengine = \"llama-server\"\npath = \"{MODELS / file}\"\n"
            f"options = {{ threads = 1{options} }}\n")


def talk(name, file):
    return (gguf(name, "llm", file, ", parallel = 4"), "/v1/chat/completions", "/v1/chat/completions",
            {"model": name, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 32, "stream": True, "ignore_eos": True, "seed": 1})


def write_larger(path):
    tiny_llama.WIDTH, tiny_llama.LAYERS, tiny_llama.INNER = 256, 4, 688
    tiny_llama.write_model(path)


CASES = {
    "chat": talk("chat", "CHAT"),
    "tiny": talk("tiny", "tiny_llama/tiny-llama.gguf"),
    "embeddings": (gguf("embeddings", "embedding", "tiny_bert/tiny-bert.gguf"), "/v1/embeddings", "/upstream/embeddings/v1/embeddings",
                   {"input": ["the cat", "a dog", "paris", "france"]}),
}


def main():
    rounds, seconds = (5, 0.5) if os.environ.get("BENCH_QUICK") else (15, 1)
    larger = tempfile.NamedTemporaryFile(suffix=".gguf")
    write_larger(larger.name)
    for name in sys.argv[1:] or list(CASES):
        model, direct, through, body = CASES[name]
        model = model.replace(str(MODELS / "CHAT"), larger.name)
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
