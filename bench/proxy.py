#!/usr/bin/python3
"""What it costs to reach an engine through hostler: against the engine itself, and against nginx in front of the same socket.

The engine is the tests' fake one, so that its own work is next to nothing; the three ways take turns in one run.
"""

import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import wave

import harness

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


class Nginx:
    """In front of one Unix socket: on `port` with connections kept alive on both sides, as people set it up for this, and on `plain`
    with the one line that its manual begins with (proxy_pass)."""

    def __init__(self, upstream):
        self.folder = tempfile.TemporaryDirectory(prefix="hostler-nginx-")
        root = pathlib.Path(self.folder.name)
        with socket.socket() as probe, socket.socket() as other:
            probe.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            self.port, self.plain = probe.getsockname()[1], other.getsockname()[1]
        (root / "nginx.conf").write_text(f"""
            {"user root;" if os.getuid() == 0 else ""} daemon off; worker_processes 2; pid {root}/pid; error_log {root}/error.log; worker_rlimit_nofile 8192;
            events {{ worker_connections 2048; }}
            http {{
              access_log off; keepalive_requests 1000000000; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
              fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s; client_max_body_size 16m;
              client_body_buffer_size 1m;
              upstream engine {{ server unix:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
              server {{  # as it comes: a new connection to the engine for each request, and a log of them
                listen 127.0.0.1:{self.plain}; access_log {root}/access.log;
                location / {{ proxy_pass http://unix:{upstream}; }}
              }}
              server {{
                listen 127.0.0.1:{self.port} backlog=1024;
                proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
                location / {{ proxy_pass http://engine; }}
                location /buffered/ {{ proxy_pass http://engine/; proxy_buffering on; }}
              }}
            }}""")
        self.process = subprocess.Popen([NGINX, "-c", root / "nginx.conf", "-p", root, "-e", root / "error.log"])
        for _ in range(1000):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
        sys.exit("nginx does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        self.folder.cleanup()


class Standing:
    """The same engine by itself, as people run an engine server: on TCP, with nobody in between."""

    def __init__(self, model, **options):
        self.folder = tempfile.TemporaryDirectory(prefix="hostler-engine-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([harness.BIN / "hostler-engine-fake", "--port", str(self.port), "--base", self.folder.name, "--log-level", "ERROR"])
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        for _ in range(1000):
            try:
                connection.connect()
                break
            except ConnectionRefusedError:
                time.sleep(0.005)
        connection.request("POST", "/models/load", json.dumps({"model_id": model, "options": options}))
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"the engine does not load: {answer.read()}")
        connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def load(mode, request, targets, **options):
    with tempfile.NamedTemporaryFile() as file:
        file.write(request)
        file.flush()
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        out = subprocess.run([harness.BIN / "load", mode, *words, "--request", file.name, *(f"{n}={t}" for n, t in targets.items())],
                             check=True, stdout=subprocess.PIPE).stdout
    return {row["name"]: row for row in map(json.loads, out.splitlines())}


def post(body, content_type="application/json", accept="*/*"):
    head = f"Host: localhost\r\nContent-Type: {content_type}\r\nAccept: {accept}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ratio(rows, a, b, field):
    """Median of the ratios within each round."""
    pairs = sorted(x / y for x, y in zip(rows[a][field], rows[b][field]))
    return pairs[len(pairs) // 2]


def recording():
    sound = io.BytesIO()
    with wave.open(sound, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(bytes(3200))
    return sound.getvalue()


MODELS = {
    "small": harness.fake("small", chunks=1, chunk_samples=80, instant="true"),
    "big": harness.fake("big", chunks=64, chunk_samples=8192, instant="true"),
    "event": harness.fake("event", stamped_segments=500, chunk_ms=1),
    "events": harness.fake("events", stamped_segments=40, chunk_ms=50, parallel=256),
}


def three_ways(daemon, nginx, engine, model, route):
    return {"direct": f"unix:{engine},{route}", "nginx": f"127.0.0.1:{nginx.port},{route}",
            "hostler": f"{daemon.host}:{daemon.port},/upstream/{model}{route}"}


def each(*names):
    for name in names:
        with harness.Daemon(MODELS[name]) as daemon:
            daemon.post("/models/load", {"model_id": name})
            [engine] = (pathlib.Path(daemon.folder.name) / "run" / "engines").glob("*.sock")
            with Nginx(engine) as nginx:
                yield name, daemon, nginx, engine


def main():
    quick = bool(os.environ.get("BENCH_QUICK"))
    rounds, seconds = (5, 0.3) if quick else (15, 0.6)
    wanted = sys.argv[1:] or list(MODELS)
    for name, daemon, nginx, engine in each(*wanted):
        if name == "small":
            body = post(json.dumps({"text": "hi"}).encode())
            for connections in (1, 16):
                targets = three_ways(daemon, nginx, engine, name, "/generate/control")
                targets["typed"] = f"{daemon.host}:{daemon.port},/generate/control"
                targets["plain"] = f"127.0.0.1:{nginx.plain},/generate/control"
                rows = load("requests", body, targets, connections=connections, rounds=rounds, seconds=seconds)
                print(f"small request, {connections} connections: " + ", ".join(f"{n} p50 {r['p50']:.1f} µs {r['rate']:.0f}/s" for n, r in rows.items()))
                print(f"  hostler / nginx: p50 {ratio(rows, 'hostler', 'nginx', 'p50s'):.2f}, throughput {ratio(rows, 'hostler', 'nginx', 'rates'):.2f}"
                      f"; typed route / nginx: p50 {ratio(rows, 'typed', 'nginx', 'p50s'):.2f}")
                print(f"  hostler / nginx with proxy_pass alone: p50 {ratio(rows, 'hostler', 'plain', 'p50s'):.2f}, throughput {ratio(rows, 'hostler', 'plain', 'rates'):.2f}")
        elif name == "big":
            body = post(json.dumps({"text": "hi"}).encode())
            with Standing("big", chunks=64, chunk_samples=8192, instant=True) as standing:
                targets = three_ways(daemon, nginx, engine, name, "/generate/control")
                targets["tcp"] = f"127.0.0.1:{standing.port},/generate/control"
                rows = load("requests", body, targets, connections=1, rounds=rounds, seconds=seconds)
            print(f"1 MiB in 16 KiB chunks ({rows['hostler']['bytes']:.0f} bytes): " + ", ".join(f"{n} p50 {r['p50']:.0f} µs" for n, r in rows.items()))
            print(f"  hostler / the engine's Unix socket {ratio(rows, 'hostler', 'direct', 'p50s'):.2f}, / the engine as a server on TCP {ratio(rows, 'hostler', 'tcp', 'p50s'):.2f}, nginx unbuffered / hostler {ratio(rows, 'nginx', 'hostler', 'p50s'):.2f}")
        else:
            body = post(recording(), "audio/wav", "text/event-stream")
            streams, pace = (1, "1,000/s") if name == "event" else (200, "20/s each")
            rows = load("events", body, three_ways(daemon, nginx, engine, name, "/transcribe"), streams=streams, rounds=3 if quick else 5)
            print(f"events, {streams} streams at {pace}: " + ", ".join(f"{n} p50 {r['p50']:.0f} µs p99 {r['p99']:.0f} µs" for n, r in rows.items()))
            print(f"  hostler over direct: {rows['hostler']['p50'] - rows['direct']['p50']:.0f} µs")


if __name__ == "__main__":
    main()
