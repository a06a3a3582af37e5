#!/usr/bin/python3
"""Three models, room for one, four clients that want any of them, for 40 seconds: nothing may fail. [SECONDS]"""

import http.client
import json
import random
import sys
import threading
import time

import harness

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 40
MODELS = ("espeak", "flite", "pocketsphinx")
failures, counts, waits = [], {}, []


def client(daemon, number, wav):
    choice = random.Random(number)
    connection = http.client.HTTPConnection(daemon.host, daemon.port)
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        model = choice.choice(MODELS)
        begin = time.perf_counter()
        if model == "pocketsphinx":
            body = b"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\npocketsphinx\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; " \
                   b"filename=\"a.wav\"\r\n\r\n" + wav + b"\r\n--b--\r\n"
            connection.request("POST", "/v1/audio/transcriptions", body, {"Content-Type": "multipart/form-data; boundary=b"})
        else:
            body = json.dumps({"model": model, "input": "one", "response_format": "wav"})
            connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        waits.append(time.perf_counter() - begin)
        counts[model] = counts.get(model, 0) + 1
        if answer.status != 200:
            failures.append((model, answer.status, text[:300]))


with harness.Daemon("[models]\nmax_loaded = 1\n") as daemon:
    wav = daemon.post("/v1/audio/speech", {"model": "espeak", "input": "one two three", "response_format": "wav"})
    clients = [threading.Thread(target=client, args=(daemon, number, wav)) for number in range(4)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    print(f"3 models, room for 1, 4 clients, {SECONDS:.0f} s: {len(waits)} requests {counts}, {len(failures)} failed; {harness.milliseconds(waits)}")
    for failure in failures[:5]:
        print(" ", *failure)
sys.exit(1 if failures else 0)
