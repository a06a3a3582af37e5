#!/usr/bin/python3
"""/health and /v1/models while models load and unload, and others speak without a pause."""

import http.client
import json
import threading
import time

import harness

with harness.Daemon() as daemon:
    stop = threading.Event()

    def keep(path, bodies):
        connection = http.client.HTTPConnection(daemon.host, daemon.port)
        while not stop.is_set():
            for route, body in bodies:
                connection.request("POST", route, json.dumps(body), {"Content-Type": "application/json"})
                connection.getresponse().read()

    text = "a long text that is spoken again and again " * 40
    busy = [
        threading.Thread(target=keep, args=("speech", [("/v1/audio/speech", {"model": "espeak", "input": text, "response_format": "mp3"})])),
        threading.Thread(target=keep, args=("life", [("/models/load", {"model_id": "pocketsphinx"}), ("/models/unload", {"model_id": "pocketsphinx"})])),
    ]
    for path in ("/health", "/v1/models"):
        quiet = []
        for _ in range(500):
            begin = time.perf_counter()
            daemon.get(path)
            quiet.append(time.perf_counter() - begin)
        print(f"{path}, quiet:", harness.milliseconds(quiet))
    for thread in busy:
        thread.start()
    for path in ("/health", "/v1/models"):
        times = []
        end = time.perf_counter() + 4
        while time.perf_counter() < end:
            begin = time.perf_counter()
            daemon.get(path)
            times.append(time.perf_counter() - begin)
            time.sleep(0.002)
        print(f"{path}, under load:", harness.milliseconds(times))
    stop.set()
    for thread in busy:
        thread.join()
