#!/usr/bin/python3
"""First audio byte of espeak through hostler, against the same library in the same kind of process without hostler."""

import subprocess

import harness

with harness.Daemon() as daemon:
    daemon.post("/models/load", {"model_id": "espeak"})
    subprocess.run([harness.BIN / "first_audio", daemon.host, str(daemon.port)], check=True)
