#!/usr/bin/python3
"""Downloads against curl: one large file, 2,000 small ones, and these with 20 ms added to each answer.

nginx serves everything as files, shaped like a hub: JSON, redirects, signatures left out. The ways take turns; what hostler writes
is verified, flushed and linked, what curl writes is not.

    BENCH_FOLDER=/dev/shm bench/download.py [large|small|late]...      BENCH_QUICK=1: smaller, once
"""

import asyncio
import hashlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import harness

QUICK = bool(os.environ.get("BENCH_QUICK"))
LARGE = (64 << 20) if QUICK else (1 << 30)
FILES = 200 if QUICK else 2000
ROUNDS = 1 if QUICK else 5
DELAY = 0.020
COMMIT = "c" * 40
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Hub:
    """nginx in front of folders: the hub's answers in api/, contents in content/."""

    def __init__(self, root):
        self.root, self.port, self.content_port = root, free_port(), free_port()
        self.etags = {}
        self.large()
        self.small()
        (root / "etags").write_text("".join(f'"{path}" \'"{etag}"\';\n' for path, etag in self.etags.items()))
        (root / "nginx.conf").write_text(f"""
            {"user root;" if os.getuid() == 0 else ""} daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;
            events {{ worker_connections 512; }}
            http {{
              access_log off; keepalive_requests 1000000000; keepalive_timeout 600; sendfile on; tcp_nopush on; etag off; if_modified_since off;
              default_type application/octet-stream; map_hash_bucket_size 256; map_hash_max_size 16384;
              map $path $of {{ include {root}/etags; }}
              server {{
                listen 127.0.0.1:{self.port};
                root {root};
                location ~ ^/(bench/(?:large|small))/resolve/[^/]+/(?<path>.*)$ {{
                  add_header X-Repo-Commit {COMMIT}; add_header X-Linked-ETag $of; add_header X-Linked-Size $size;
                  set $size ""; if ($path = "large.bin") {{ set $size {LARGE}; return 302 http://127.0.0.1:{self.content_port}/content/$path; }}
                  return 307 /api/resolve-cache/$path;
                }}
                location ~ ^/api/resolve-cache/(?<path>.*)$ {{ add_header X-Repo-Commit {COMMIT}; add_header ETag $of; alias {root}/content/$path; }}
                location ~ ^/api/models/bench/(?<repo>[a-z]+)/revision/ {{ default_type application/json; alias {root}/api/$repo.info; }}
                location ~ ^/api/models/bench/(?<repo>[a-z]+)/tree/ {{ default_type application/json; alias {root}/api/$repo.tree; }}
              }}
              server {{ listen 127.0.0.1:{self.content_port}; root {root}; }}
            }}""")
        self.process = subprocess.Popen([NGINX, "-e", root / "error.log", "-c", root / "nginx.conf"], stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        self.content = f"http://127.0.0.1:{self.content_port}/content"
        for _ in range(200):  # until it listens
            try:
                urllib.request.urlopen(self.url + "/api/models/bench/small/revision/main").read()
                return
            except OSError:
                time.sleep(0.02)
        sys.exit((root / "error.log").read_text())

    def describe(self, name, tree):
        (self.root / "api").mkdir(exist_ok=True)
        (self.root / "api" / f"{name}.info").write_text(json.dumps({"id": f"bench/{name}", "sha": COMMIT, "private": False, "gated": False}))
        (self.root / "api" / f"{name}.tree").write_text(json.dumps(tree))

    def large(self):
        (self.root / "content/small").mkdir(parents=True)
        digest, block = hashlib.sha256(), os.urandom(1 << 20)
        with open(self.root / "content/large.bin", "wb") as file:
            for i in range(LARGE >> 20):
                piece = i.to_bytes(8, "big") + block[8:]
                file.write(piece)
                digest.update(piece)
        self.etags["large.bin"] = digest.hexdigest()
        self.describe("large", [{"type": "file", "path": "large.bin", "size": LARGE, "oid": "1" * 40,
                                 "lfs": {"oid": digest.hexdigest(), "size": LARGE, "pointerSize": 130}}])

    def small(self):
        tree = []
        for i in range(FILES):
            data = os.urandom(1000 + 3 * i)
            etag = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            path = f"small/{i:04}.json"
            (self.root / "content" / path).write_bytes(data)
            self.etags[path] = etag
            tree.append({"type": "file", "path": path, "size": len(data), "oid": etag})
        self.describe("small", tree)

    def close(self):
        self.process.terminate()
        self.process.wait()


class Late:
    """Passes on what comes, and what is answered DELAY later."""

    def __init__(self, port):
        self.port, self.target = free_port(), port
        self.ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True).start()
        self.ready.wait()
        self.url = f"http://127.0.0.1:{self.port}"

    async def serve(self):
        server = await asyncio.start_server(self.connection, "127.0.0.1", self.port, backlog=512)
        self.ready.set()
        async with server:
            await server.serve_forever()

    async def connection(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        loop = asyncio.get_running_loop()

        async def pass_on(source, target, delay):
            while data := await source.read(1 << 16):
                loop.call_later(delay, target.write, data) if delay else target.write(data)
            loop.call_later(delay, target.close)

        await asyncio.gather(pass_on(reader, far_writer, 0), pass_on(far_reader, writer, DELAY), return_exceptions=True)


class Hostler(harness.Daemon):
    def __init__(self, folder, endpoint):
        os.environ.update(HF_HOME=str(folder / "hf"), HF_ENDPOINT=endpoint)
        super().__init__()

    def pull(self, model):
        begin = time.perf_counter()
        task = self.post("/api/v2/models/download", {"model_id": model, "allow_unmanaged": True})["task_id"]
        self.connection.request("GET", f"/api/v2/models/tasks/{task}/events")
        lines = self.connection.getresponse().read().decode().splitlines()
        seconds = time.perf_counter() - begin
        last = json.loads([line for line in lines if line.startswith("data:")][-1][5:])
        assert last["status"] == "completed", last
        return seconds


def timed(*command, **more):
    begin = time.perf_counter()
    subprocess.run(command, check=True, **more)
    return time.perf_counter() - begin


def curl_each(hub_url, target):
    """One curl for all, with its connection kept; it follows the redirects as hostler does."""
    target.mkdir()
    config = target.parent / "urls"
    config.write_text("".join(f'url = "{hub_url}/bench/small/resolve/{COMMIT}/small/{i:04}.json"\noutput = "{target}/{i:04}"\n' for i in range(FILES)))
    return timed("curl", "-sSL", "-K", config)


def each_round(work, ways):
    """The ways take turns; a fresh folder each time. Medians, and the medians of each round's own ratios to the first."""
    found = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            folder = work / "round"
            folder.mkdir()
            found[name].append(way(folder))
            shutil.rmtree(folder)
            os.sync()
    return found


def ratio(found, name, to):
    return statistics.median(b / a for a, b in zip(found[name], found[to]))


def large(work, hub):
    peaks = []

    def hostler(folder):
        with Hostler(folder, hub.url) as daemon:
            seconds = daemon.pull("bench/large")
            peaks.append(daemon.status("VmHWM") / 1024)
        return seconds

    def curl(folder):
        return timed("curl", "-sS", "-o", folder / "file", f"{hub.content}/large.bin")

    def curl_then_sum(folder):
        return curl(folder) + timed("sha256sum", folder / "file", stdout=subprocess.DEVNULL)

    found = each_round(work, {"curl": curl, "hostler": hostler, "curl and sha256sum": curl_then_sum})
    for name, seconds in found.items():
        print(f"{LARGE >> 20} MB, {name}: {statistics.median(seconds):.2f} s, {(LARGE >> 20) / statistics.median(seconds):.0f} MB/s")
    print(f"hostler's throughput: {ratio(found, 'hostler', 'curl'):.2f} × curl, {ratio(found, 'hostler', 'curl and sha256sum'):.2f} × curl and sha256sum; "
          f"{max(peaks):.0f} MB at most", flush=True)


def small(work, hub, endpoint=None, what=""):
    endpoint = endpoint or hub.url

    def hostler(folder):
        with Hostler(folder, endpoint) as daemon:
            return daemon.pull("bench/small")

    found = each_round(work, {"curl": lambda folder: curl_each(endpoint, folder / "files"), "hostler": hostler})
    for name, seconds in found.items():
        print(f"{FILES} small files{what}, {name}: {statistics.median(seconds):.2f} s, {FILES / statistics.median(seconds):.0f} a second")
    print(f"hostler's throughput: {ratio(found, 'hostler', 'curl'):.2f} × curl", flush=True)


def late(work, hub):
    global ROUNDS
    rounds, ROUNDS = ROUNDS, min(ROUNDS, 2)  # curl alone takes more than a minute
    small(work, hub, Late(hub.port).url, f", {1000 * DELAY:.0f} ms later")
    ROUNDS = rounds


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hostler-bench-", dir=os.environ.get("BENCH_FOLDER")) as name:
        (pathlib.Path(name) / "hub").mkdir()
        hub = Hub(pathlib.Path(name) / "hub")
        try:
            for one in sys.argv[1:] or ["large", "small", "late"]:
                globals()[one](pathlib.Path(name), hub)
        finally:
            hub.close()
