#!/usr/bin/python3
"""How cost grows, as plots in docs/plots: requests with their connections, /health with half-open sockets, the log with its
followers. Needs the machine for itself."""

import json
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile

import followers
import harness

PLOTS = harness.ROOT / "docs" / "plots"


def plot(name, title, x, y, columns, rows, log="x"):
    """rows: (x, y of each column); one line per column."""
    PLOTS.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".dat") as data:
        data.write("\n".join(" ".join(f"{value:.6g}" for value in row) for row in rows) + "\n")
        data.flush()
        lines = ", ".join(f'"{data.name}" using 1:{at} with linespoints pointtype 7 linewidth 2 title "{column}"' for at, column in enumerate(columns, 2))
        script = f"""set terminal svg size 640,360 font "sans-serif,12" background rgb "white"
            set output "{PLOTS / name}.svg"; set title "{title}"; set xlabel "{x}"; set ylabel "{y}"
            set grid; set key top left; set yrange [0:*]; set logscale {log}; plot {lines}"""
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
    for row in rows:
        print(f"{name}:", ", ".join(f"{label} {value:.6g}" for label, value in zip((x, *columns), row)), flush=True)


def connections():
    import proxy

    rows = []
    for name, daemon, nginx, engine in proxy.each("small"):
        body = proxy.post(json.dumps({"text": "hi"}).encode())
        targets = proxy.three_ways(daemon, nginx, engine, name, "/generate/control")
        for count in (1, 4, 16, 64, 256):
            found = proxy.load("requests", body, targets, connections=count, rounds=5, seconds=0.5)
            rows.append((count, *(found[way]["rate"] / 1000 for way in targets)))
    plot("connections", "Small requests to an engine", "connections", "thousand requests per second", list(targets), rows)


def sockets():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    import health

    rows = []
    with harness.Daemon() as daemon:
        held = []
        for count in (0, 300, 1000, 3000, 10000):
            while len(held) < count:
                held.append(socket.create_connection((daemon.host, daemon.port)))
                held[-1].sendall(b"GET /health HTTP/1.1\r\nHost: local")
            times = sorted(health.samples(daemon, "/health", 2))
            rows.append((max(count, 1), 1000 * times[len(times) // 2], 1000 * times[int(len(times) * 0.99)]))
        for one in held:
            one.close()
    plot("half-open", "/health beside half-open sockets", "sockets", "ms", ["median", "p99"], rows)


def log_followers():
    rows = []
    for count in (100, 300, 1000, 3000, 10000):
        found = followers.measure(count)
        rows.append((count, found["core"], found["idle_kb"]))
    plot("followers", "Followers of a log at 100 lines a second", "followers", "% of a core / KB each", ["% of a core", "KB each, idle"], rows)


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["connections", "sockets", "log_followers"]
    sys.argv = sys.argv[:1]
    for name in wanted:
        globals()[name]()
