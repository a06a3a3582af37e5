"""What the benchmarks share: a daemon of the release build on a free port, and medians."""

import http.client
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "bin"


def fake(name, **options):
    """A [[model]] that the tests' engine runs; `options` as in engines/fake/README.md, in TOML's words."""
    pairs = ", ".join(f"{key} = {value}" for key, value in options.items())
    return f"[[model]]\nid = \"{name}\"\ntype = \"tts\"\nengine = \"{BIN / 'hostler-engine-fake'}\"\noptions = {{ {pairs} }}\n"


class Daemon:
    def __init__(self, config="", level="WARNING", files=None):
        self.folder = tempfile.TemporaryDirectory(prefix="hostler-bench-")
        home = pathlib.Path(self.folder.name)
        (home / "hostler.toml").write_text("[log]\nlevel = \"" + level + "\"\n" + config)
        for name, text in (files or {}).items():
            (home / name).write_text(text)
        begin = time.perf_counter()
        self.process = subprocess.Popen([BIN / "hostler", "serve", "--port", "0", "--home", home], stdout=subprocess.PIPE,
                                        stderr=None if level == "WARNING" else subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().split()[-1]
        self.host, _, port = self.url.removeprefix("http://").rpartition(":")
        self.port = int(port)
        self.connection = http.client.HTTPConnection(self.host, self.port)
        self.get("/health")
        self.started_in = time.perf_counter() - begin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def get(self, path):
        self.connection.request("GET", path)
        return json.loads(self.connection.getresponse().read())

    def post(self, path, body):
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {data[:200]}")
        return json.loads(data) if answer.headers["Content-Type"] == "application/json" else data

    def status(self, name):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise KeyError(name)


def milliseconds(times):
    times = sorted(times)
    return (f"median {1000 * statistics.median(times):.2f} ms, p99 {1000 * times[min(len(times) - 1, int(len(times) * 0.99))]:.2f} ms "
            f"({len(times)} times)")
