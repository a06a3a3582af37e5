#!/usr/bin/python3
"""GET /api/v2/models with ever more entries in the user's models.toml, one in ten of them installed: p50, p99, and how it grows.

    BENCH_QUICK=1 bench/models_list.py      300 entries only, briefly
"""

import hashlib
import http.client
import os
import pathlib
import statistics
import sys
import time

import growth
import harness

QUICK = bool(os.environ.get("BENCH_QUICK"))
COUNTS = (300,) if QUICK else (300, 1000, 3000, 10000)
SECONDS = 1 if QUICK else 4


def install(cache, repo):
    """A small repository as huggingface_hub leaves it: three files, their listing, a ref."""
    commit = hashlib.sha1(repo.encode()).hexdigest()
    folder = cache / ("models--" + repo.replace("/", "--"))
    for below in ("blobs", "refs", "trees", f"snapshots/{commit}"):
        (folder / below).mkdir(parents=True)
    rows = []
    for name in ("config.json", "model.bin", "tokens.txt"):
        data = f"{repo} {name}".encode()
        etag = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        (folder / "blobs" / etag).write_bytes(data)
        (folder / "snapshots" / commit / name).symlink_to(f"../../blobs/{etag}")
        rows.append((name, len(data), etag))
    (folder / "refs/main").write_text(commit)
    return rows


def prepare(count, folder):
    cache = folder / "hf/hub"
    lines = []
    for i in range(count):
        lines.append(f'[[model]]\nid = "lab{i % 17}/model-{i}"\ntype = "{("embedding", "llm", "reranker")[i % 3]}"\n'
                     f'description = "One of many, the {i}th"\nsize_mb = {i}\n')
        if i % 10 == 0:
            install(cache, f"lab{i % 17}/model-{i}")
    return "\n".join(lines)


def samples(daemon, path, seconds):
    times, size, connection = [], 0, http.client.HTTPConnection(daemon.host, daemon.port)
    for _ in range(5):  # the first has to look at the disk
        connection.request("GET", path)
        size = len(connection.getresponse().read())
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 20:
        begin = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        data = answer.read()
        times.append(time.perf_counter() - begin)
        assert answer.status == 200 and len(data) == size, (answer.status, len(data), size)
    return sorted(times), size


rows = []
for count in COUNTS:
    with harness.tempfile.TemporaryDirectory(prefix="hostler-bench-") as name:
        folder = pathlib.Path(name)
        os.environ["HF_HOME"] = str(folder / "hf")
        with harness.Daemon(files={"models.toml": prepare(count, folder)}) as daemon:
            times, size = samples(daemon, "/api/v2/models", SECONDS)
            rows.append((count, 1000 * statistics.median(times), 1000 * times[int(len(times) * 0.99)]))
            print(f"/api/v2/models with {count} entries of the user's: {harness.milliseconds(times)}, {size / 1024:.0f} KB", flush=True)
            times, _ = samples(daemon, "/api/v2/models?include_cache_size=true", 1)
            print(f"  with sizes: {harness.milliseconds(times)}; {daemon.status('VmHWM') / 1024:.0f} MB at most", flush=True)
if not QUICK:
    growth.plot("models", "The list of models", "entries", "ms", ["median", "p99"], rows, log="xy")
sys.exit(0)
