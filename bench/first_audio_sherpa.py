#!/usr/bin/python3
"""First audio byte of kokoro and piper through hostler, against the same model of the engine in one process without hostler: tiny models
with random weights, one thread."""

import pathlib
import subprocess
import sys
import tempfile

import harness

with tempfile.TemporaryDirectory(prefix="hostler-bench-") as name:
    folder = pathlib.Path(name)
    subprocess.run([sys.executable, "-B", harness.ROOT / "tests/models/tiny_onnx.py", folder], check=True)
    config = "[engines]\nthreads = 1\n" + "".join(
        f'[[model]]\nid = "{model}"\ntype = "tts"\nengine = "hostler-engine-sherpa"\npath = "{folder / model}"\n' for model in ("kokoro", "piper"))
    with harness.Daemon(config) as daemon:
        for model in ("kokoro", "piper"):
            daemon.post("/models/load", {"model_id": model})
            subprocess.run([harness.BIN / "first_audio_sherpa", daemon.host, str(daemon.port), model, folder / model], check=True)
