#!/usr/bin/python3
"""What followers of the log cost: 100 to 10,000 streams of 100 lines/s, each line from an engine. [FOLLOWERS...]"""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import harness

SECONDS = 10
LINES = 100  # a second
LINES_A_REQUEST = 4  # two of the model, two of its engine
CONFIG = harness.fake("lines", chunks=1, chunk_samples=10)


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def speak(daemon, stop):
    """Each request makes its engine write some lines."""
    begin, turn = time.perf_counter(), 0
    while not stop.is_set():
        daemon.post("/v1/audio/speech", {"model": "lines", "input": "a", "response_format": "pcm"})
        turn += 1
        time.sleep(max(0.0, begin + turn * LINES_A_REQUEST / LINES - time.perf_counter()))


def health(daemon, stop, times):
    import http.client

    connection = http.client.HTTPConnection(daemon.host, daemon.port)
    while not stop.is_set():
        begin = time.perf_counter()
        connection.request("GET", "/health")
        connection.getresponse().read()
        times.append(time.perf_counter() - begin)
        time.sleep(0.01)


def measure(count):
    with harness.Daemon(CONFIG, level="INFO") as daemon:
        daemon.post("/models/load", {"model_id": "lines"})
        before = daemon.status("VmRSS")
        client = subprocess.Popen([harness.BIN / "followers", daemon.host, str(daemon.port), str(count), str(SECONDS)], stdout=subprocess.PIPE, text=True)
        if client.stdout.readline() != "ready\n":
            raise SystemExit("the followers did not get ready")
        idle = daemon.status("VmRSS")
        stop, times = threading.Event(), []
        threads = [threading.Thread(target=speak, args=(daemon, stop)), threading.Thread(target=health, args=(daemon, stop, times))]
        used, begin = cpu(daemon.process.pid), time.perf_counter()
        for thread in threads:
            thread.start()
        time.sleep(SECONDS - 1)
        used, took = cpu(daemon.process.pid) - used, time.perf_counter() - begin
        busy = daemon.status("VmRSS")
        stop.set()
        for thread in threads:
            thread.join()
        result = json.loads(client.stdout.readline())
        client.wait()
        rate = result["lines"] / count / took  # they speak for that long
        print(f"{count:6} followers: {100 * used / took:5.1f} % of a core ({1e6 * used / took / rate / count:.2f} µs a line and follower) at {rate:.0f} lines/s, "
              f"{(idle - before) / count:.1f} KB each idle, {(busy - before) / count:.1f} KB busy; line {result['p50_ms']} ms, p99 {result['p99_ms']} ms; "
              f"{result['lines'] / max(1, result['reads']):.1f} lines a write; lost {result['told']} told, {result['untold']} untold, {result['cut']} cut; "
              f"/health {harness.milliseconds(times)}; {len(times)} asked", flush=True)
        return {"bad": result["untold"] + result["cut"], "core": 100 * used / took, "idle_kb": (idle - before) / count}


if __name__ == "__main__":
    counts = [int(text) for text in sys.argv[1:]] or [100, 300, 1000, 3000, 10000]
    sys.exit(1 if sum(measure(count)["bad"] for count in counts) else 0)
