#!/usr/bin/python3
"""How soon a fresh daemon answers, and what it takes while nothing happens."""

import harness

runs = []
for _ in range(20):
    with harness.Daemon() as daemon:
        runs.append((daemon.started_in, daemon.status("VmRSS"), daemon.status("Threads")))
print("start to first answer:", harness.milliseconds([run[0] for run in runs]))
print(f"idle: {max(run[1] for run in runs) / 1024:.1f} MB resident, {runs[0][2]} threads")
