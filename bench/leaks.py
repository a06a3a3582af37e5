#!/usr/bin/python3
"""What is left of 1,000 loads and unloads and of 1,000,000 requests: memory, descriptors, threads, processes, sockets. [CYCLES] [REQUESTS]"""

import json
import os
import pathlib
import subprocess
import sys
import time

import harness

SAMPLES = 20
CONFIG = harness.fake("leaks", chunks=1, chunk_samples=10, parallel=4)


def look(pid):
    """(resident KB, descriptors, threads, children)"""
    rss = next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    children = sum(len(path.read_text().split()) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"))
    return rss, len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")), children


def slope(values):
    """Least squares over the later half, per sample: what a warm process still grows by."""
    values = values[len(values) // 2:]
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    return sum((i - middle) * (value - mean) for i, value in enumerate(values)) / sum((i - middle) ** 2 for i in range(len(values)))


def show(name, rows, unit):
    print(f"{name}: PSS in KB, {SAMPLES} samples: {' '.join(str(row[0]) for row in rows)}")
    print(f"{name}: {1024 * slope([row[0] for row in rows]) / unit:+.1f} bytes a turn in the later half; "
          f"descriptors {rows[0][1]} → {rows[-1][1]}, threads {rows[0][2]} → {rows[-1][2]}, children {rows[0][3]} → {rows[-1][3]}", flush=True)


def cycles(daemon, count):
    rows = []
    for sample in range(SAMPLES):
        for _ in range(count // SAMPLES):
            daemon.post("/models/load", {"model_id": "leaks"})
            daemon.post("/models/unload", {"model_id": "leaks"})
        rows.append(look(daemon.process.pid))
    show(f"{count} loads and unloads, daemon", rows, count / SAMPLES)
    left = list((pathlib.Path(daemon.folder.name) / "run" / "engines").iterdir())
    print(f"sockets left: {len(left)}, children left: {rows[-1][3]}")
    return len(left) + rows[-1][3] + (rows[-1][1] > rows[0][1]) + (rows[-1][2] > rows[0][2])


def load(daemon, count):
    return subprocess.run([harness.BIN / "leaks", daemon.host, str(daemon.port), str(count), "16"], stdout=subprocess.PIPE, text=True)


def requests(daemon, count):
    daemon.post("/models/load", {"model_id": "leaks"})
    load(daemon, count // 100)  # threads and their loops start with their first work
    daemon.post("/models/unload", {"model_id": "leaks"})
    time.sleep(0.5)
    _, before, _, _ = look(daemon.process.pid)
    daemon.post("/models/load", {"model_id": "leaks"})
    engine = next(row["pid"] for row in daemon.get("/models")["models"] if row["id"] == "leaks")
    rows, engine_rows, begin, bad = [], [], time.perf_counter(), 0
    for sample in range(SAMPLES):
        done = load(daemon, count // SAMPLES)
        bad += done.returncode
        time.sleep(0.5)  # hang-ups are noticed within a tick
        rows.append(look(daemon.process.pid))
        engine_rows.append(look(engine))
    print(f"{count} requests in {time.perf_counter() - begin:.0f} s; the last part: {done.stdout.strip()}")
    show("daemon", rows, count / SAMPLES)
    show("engine", engine_rows, count / SAMPLES)
    daemon.connection.close()  # the server has closed it meanwhile: it was idle
    leases = next(row["leases"] for row in daemon.get("/models")["models"] if row["id"] == "leaks")
    daemon.post("/models/unload", {"model_id": "leaks"})
    time.sleep(0.5)
    _, after, _, children = look(daemon.process.pid)  # connections to the engine are kept while it is loaded
    print(f"leases left: {leases}, children left: {children}, descriptors with nothing loaded: {before} before, {after} after")
    return leases + bad + children + (after > before) + (rows[-1][2] > rows[SAMPLES // 2][2]) + (engine_rows[-1][2] > engine_rows[SAMPLES // 2][2])


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]] + [1_000, 1_000_000][len(sys.argv) - 1:]
    failed = 0
    with harness.Daemon(CONFIG) as daemon:
        failed += cycles(daemon, numbers[0])
    with harness.Daemon(CONFIG) as daemon:
        failed += requests(daemon, numbers[1])
    sys.exit(1 if failed else 0)
