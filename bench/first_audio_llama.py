#!/usr/bin/python3
"""First audio byte of a cloned voice through hostler, against libmtmd without hostler: a tiny Pocket TTS with random weights, one
thread, one backend of ggml in both."""

import base64
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import harness

BACKEND = harness.ROOT / "build/native/llama/libggml-cpu-haswell.so"
os.environ["HOSTLER_GGML_CPU"] = str(BACKEND)


def voice():
    samples = b"".join(struct.pack("<h", int(9830 * math.sin(i * 0.03))) for i in range(24000))
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, 24000, 48000, 2, 16, b"data", len(samples))
    return base64.b64encode(head + samples).decode()


with tempfile.TemporaryDirectory(prefix="hostler-bench-") as name:
    folder = pathlib.Path(name)
    subprocess.run([sys.executable, "-B", harness.ROOT / "tests/models/tiny_pocket.py", folder], check=True)
    (folder / "request.json").write_text(json.dumps({"model_id": "pocket", "text": "hello world", "reference_audio": voice()}))
    config = f"""[engines]
threads = 1
[[model]]
id = "pocket"
type = "tts"
engine = "hostler-engine-llama"
path = "{folder}"
options = {{ max_seconds = 1 }}
"""
    with harness.Daemon(config) as daemon:
        daemon.post("/models/load", {"model_id": "pocket"})
        subprocess.run([harness.BIN / "first_audio_llama", daemon.host, str(daemon.port), folder, BACKEND, folder / "request.json"], check=True)
