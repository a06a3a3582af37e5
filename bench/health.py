#!/usr/bin/python3
"""/health and /v1/models while one model loads for five seconds, another streams, a third crashes again and again, and 5,000
sockets sit there half open; each next to the same on the same daemon when it is quiet."""

import http.client
import json
import re
import resource
import socket
import threading
import time

import harness

HALF_OPEN = 5000


CONFIG = harness.fake("loads", load_ms=5000) + harness.fake("streams", chunks=1000000, chunk_ms=2) + harness.fake("crashes", crash_at_chunk=0)


def samples(daemon, path, seconds):
    connection = http.client.HTTPConnection(daemon.host, daemon.port)
    connection.connect()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        times.append(time.perf_counter() - begin)
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        time.sleep(0.002)
    connection.close()
    return times


def half_open(daemon):
    """Sockets with half a request each; they stay so."""
    sockets = []
    for number in range(HALF_OPEN):
        one = socket.create_connection((daemon.host, daemon.port))
        if number % 2:
            one.sendall(b"GET /health HTTP/1.1\r\nHost: local")
        sockets.append(one)
    return sockets


def post(daemon, path, body):
    connection = http.client.HTTPConnection(daemon.host, daemon.port)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def keep_crashing(daemon, stop):
    while not stop.is_set():
        connection, answer = post(daemon, "/v1/audio/speech", {"model": "crashes", "input": "a", "response_format": "pcm"})
        answer.read()
        connection.close()
        if answer.status != 502:  # it is left in error for a while
            connection, answer = post(daemon, "/models/unload", {"model_id": "crashes"})
            answer.read()
            connection.close()


def keep_streaming(daemon, stop):
    connection, answer = post(daemon, "/v1/audio/speech", {"model": "streams", "input": "a", "response_format": "pcm"})
    while not stop.is_set():
        answer.read(6400)
    connection.close()


def keep_loading(daemon, stop):
    while not stop.is_set():
        for path in ("/models/load", "/models/unload"):
            connection, answer = post(daemon, path, {"model_id": "loads"})
            answer.read()
            connection.close()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with harness.Daemon(CONFIG, level="CRITICAL") as daemon:
        quiet = {path: samples(daemon, path, 3) for path in ("/health", "/v1/models")}
        stop = threading.Event()
        busy = [threading.Thread(target=keep, args=(daemon, stop)) for keep in (keep_crashing, keep_streaming, keep_loading)]
        for thread in busy:
            thread.start()
        sockets = half_open(daemon)
        siege = {path: samples(daemon, path, 6) for path in ("/health", "/v1/models")}
        connection = http.client.HTTPConnection(daemon.host, daemon.port)
        connection.request("GET", "/metrics")
        crashes = re.search(rb"^hostler_engine_crashes_total (\d+)", connection.getresponse().read(), re.M)[1].decode()
        for path in quiet:
            ratio = sorted(siege[path])[int(len(siege[path]) * 0.99)] / sorted(quiet[path])[int(len(quiet[path]) * 0.99)]
            print(f"{path}: quiet {harness.milliseconds(quiet[path])}; besieged {harness.milliseconds(siege[path])}; p99 besieged / quiet {ratio:.1f}")
        print(f"meanwhile: {len(sockets)} half-open sockets, {crashes} crashes, {daemon.status('VmRSS') / 1024:.1f} MB resident")
        stop.set()
        for one in sockets:
            one.close()
        for thread in busy:
            thread.join()


if __name__ == "__main__":
    main()
