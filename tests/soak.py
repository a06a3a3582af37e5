#!/usr/bin/python3
"""Clients of every kind against one daemon while its engines are killed at random moments.

    tests/soak.py [--minutes M] [--seed S]

HOSTLER_BUILD chooses the programs, HOSTLER_TEST_PATIENCE multiplies deadlines, as in tests/system. The seed is printed: the
same seed makes the same choices, though threads meet differently. What must hold all along is written beside each check.
"""

import argparse
import collections
import datetime
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "system"))
import house  # noqa: E402
from house import fake  # noqa: E402

ROOM = 2
PHASE = 4  # seconds
DEADLINE = 40 * house.PATIENCE  # seconds until a request must have its answer, whatever happens to the engine
VOICES = {"quick": 3, "other": 2, "slow": 25, "frail": 4}  # chunks that each speaks
BYTES_A_CHUNK = 2 * 1600 * 24000 // 16000
MODELS = [*VOICES, "ears", "espeak"]
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP]
# What may be said when an engine died, cannot come back yet, has no room, or a person unloaded it under a request.
TROUBLE = {409, 429, 500, 502, 503, 504}
REPORT = re.compile(r"Sanitizer|runtime error:|hostler: bug|A bug in|terminate called|Assertion")

# The leak checker at an engine's end, when that is killed in the middle of it.
HARMLESS = re.compile(r"^==\d+==Unable to get registers from thread \d+\.$")


class Broken(AssertionError):
    pass


def descriptors(pid):
    """Kinds and paths of what a process has open; sockets differ by number only."""
    found = []
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(re.sub(r":\[\d+\]", "", os.readlink(entry)))
        except OSError:
            pass  # closed meanwhile
    return sorted(found)


class Soak:
    def __init__(self, seconds, seed):
        self.seconds, self.seed = seconds, seed
        self.stop = threading.Event()
        self.count = collections.Counter()
        self.broken = []
        self.lock = threading.Lock()
        self.kills = []       # (time, model, pid, signal)
        self.states = collections.defaultdict(list)  # model: (time, state)
        self.dossiers = {}    # id: row
        self.slowest_health = 0.0
        self.slowest = 0.0

    # ---- what every answer must fulfil ----

    def note(self, what, number=1):
        with self.lock:
            self.count[what] += number

    def check(self, holds, what):
        if not holds:
            raise Broken(what)

    def ask(self, kind, method, path, body=None, headers=None, expected=frozenset({200})):
        """One request; None if its answer was cut. It has an answer or is cut before the deadline; errors are of the kinds expected, with a remedy."""
        begin = time.monotonic()
        connection = self.hostler.connection(DEADLINE)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            connection.request(method, path, body, headers)
            answer = house.Answer(connection.getresponse())
        except (http.client.IncompleteRead, ConnectionResetError) as error:
            # A cut is a reset, which may overtake the beginning of the answer.
            self.check(kind in ("speak", "stream"), f"{kind} {path}: the answer was cut: {error!r}")
            answer = None
        except TimeoutError:
            raise Broken(f"{kind} {method} {path} {body!r:.200}: no answer in {DEADLINE:.0f} s") from None
        finally:
            connection.close()
        took = time.monotonic() - begin
        self.slowest = max(self.slowest, took)
        self.check(took < DEADLINE, f"{kind} {path} took {took:.1f} s")
        if answer is None:
            self.note(f"{kind}: cut")
            return None
        self.check(answer.status in expected, f"{kind} {method} {path} {body!r:.200}: {answer}")
        if answer.status >= 400:
            error = answer.error
            self.check(error.get("remedy") and error.get("message") and error.get("code"), f"{kind} {path}: an error without a remedy: {answer}")
        self.note(f"{kind}: {answer.status}")
        return answer

    # ---- clients; each is called again and again by a thread of its own ----

    def crowded(self):
        """In turns more models are asked for than there is room, and just as many: engines then die while they are wanted."""
        return int((time.monotonic() - self.began) / PHASE) % 2 == 0

    def speak(self, choose, kind="speak", models=("quick", "other", "frail", "espeak", "quick")):
        model = choose.choice(models) if self.crowded() else "quick"
        # Of ours the length is known: a stream that ends well is whole.
        answer = self.ask(kind, "POST", "/v1/audio/speech", {"model": model, "input": "hi there", "response_format": "pcm"}, expected={200} | TROUBLE)
        if answer and answer.status == 200 and model in VOICES:
            self.check(len(answer.body) == VOICES[model] * BYTES_A_CHUNK, f"{model}: half an answer was given as a whole one: {len(answer.body)} bytes")

    def stream(self, choose):
        self.speak(choose, "stream", ("slow",))
        if not self.crowded():
            time.sleep(0.05)

    def hang_up(self, choose):
        body = json.dumps({"model": choose.choice([*VOICES] if self.crowded() else ["quick"]), "input": "x" * 100, "response_format": "pcm"}).encode()
        raw = self.hostler.socket(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                                  % (len(body), body), DEADLINE)
        try:
            raw.settimeout(choose.uniform(0.01, 0.5))
            for _ in range(choose.randrange(4)):
                raw.recv(choose.choice((1, 100, 10_000)))
        except (TimeoutError, ConnectionResetError):
            pass  # hanging up before anything came is what it is about, too
        if choose.random() < 0.5:  # with a reset
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
        self.note("hang_up")

    def transcribe(self, choose):
        samples = choose.choice((160, 16_000, 80_000))
        wav = (b"RIFF" + struct.pack("<I", 36 + 2 * samples) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
               + b"data" + struct.pack("<I", 2 * samples) + bytes(2 * samples))
        content_type, body = house.multipart({"file": ("a.wav", wav), "model": "ears"})
        answer = self.ask("transcribe", "POST", "/v1/audio/transcriptions", body, {"Content-Type": content_type}, {200} | TROUBLE)
        if answer and answer.status == 200:
            self.check(f"heard {samples} samples" in answer.text, f"transcribe: {answer}")

    def look(self, choose):
        path = choose.choice(("/health", "/v1/models", "/models", "/api/ps", "/logs?limit=20", "/metrics", "/api/crashes"))
        answer = self.ask("look", "GET", path)
        if path == "/api/ps":
            loaded = [row["model"] for row in answer.json["models"]]
            self.check(len(loaded) <= ROOM, f"{loaded} are loaded, where there is room for {ROOM}")
        time.sleep(choose.uniform(0, 0.05))

    def health(self, choose):
        begin = time.monotonic()
        self.ask("health", "GET", "/health")
        self.slowest_health = max(self.slowest_health, time.monotonic() - begin)
        time.sleep(0.02)

    def load(self, choose):
        model = choose.choice(MODELS if self.crowded() else ["quick", "ears"])
        self.ask("load", "POST", "/models/" + choose.choice(("load", "load", "unload")), {"model_id": model}, expected={200} | TROUBLE)
        time.sleep(choose.uniform(0, 0.4))

    def bad(self, choose):
        method, path, body, expected = choose.choice((
            ("POST", "/v1/audio/speech", b"{", {400, 415, 422}),
            ("POST", "/v1/audio/speech", {"model": "nobody", "input": "x"}, {400, 404}),
            ("POST", "/v1/audio/speech", {"model": "quick", "input": 7}, {400, 422}),
            ("POST", "/v1/audio/transcriptions", b"--x--", {400, 415, 422}),
            ("GET", "/nowhere", None, {404}),
            ("DELETE", "/health", None, {404, 405}),
            ("GET", "/logs?level=loud", None, {400}),
            ("POST", "/models/load", {"model_id": "nobody"}, {400, 404}),
        ))
        self.ask("bad", method, path, body, expected=expected)
        time.sleep(choose.uniform(0, 0.05))

    def follow_log(self, choose):
        """No line is lost without being told, over hang-ups and returns."""
        with self.hostler.events("/logs/stream", {"Last-Event-ID": str(self.log_position)} if self.log_position else None) as stream:
            for _ in range(choose.randrange(1, 400)):
                found = self.next_event(stream)
                if found is None or self.stop.is_set():
                    return
                event, event_id, data = found
                if event == "lost":
                    self.log_position += data["count"]
                    self.note("log lines told lost", data["count"])
                    continue
                self.check(not self.log_position or int(event_id) == self.log_position + 1, f"log line {event_id} came after {self.log_position}")
                self.log_position = int(event_id)
                self.note("log lines followed")

    def follow_states(self, choose):
        with self.hostler.events("/events?topics=state") as stream:
            self.watching.set()
            inside = set()
            while (found := self.next_event(stream)) is not None:
                _, _, data = found
                model, state = data["model"], data["state"]
                with self.lock:
                    self.states[model].append((time.time(), state))
                if state == "loading":
                    inside.add(model)
                    self.check(len(inside) <= ROOM, f"{inside} are in memory, where there is room for {ROOM}")
                elif state in ("unloaded", "error"):
                    inside.discard(model)
                self.note(f"state {state}")

    @staticmethod
    def next_event(stream):
        try:
            return stream.next()
        except (http.client.IncompleteRead, OSError):
            return None  # the daemon has ended

    # ---- the one who disturbs ----

    def kill(self, choose):
        rows = [row for row in self.hostler.get("/models").json["models"] if row.get("pid")]
        if rows:
            row, number = choose.choice(rows), choose.choice(SIGNALS)
            try:
                os.kill(row["pid"], number)
                self.kills.append((time.time(), row["id"], row["pid"], number))
                self.note(f"sent {signal.Signals(number).name}")
            except ProcessLookupError:
                pass
        self.remember_dossiers()
        self.stop.wait(choose.uniform(0.2, 1.6))

    def remember_dossiers(self):
        for row in self.hostler.get("/api/crashes").json["crashes"]:
            self.dossiers[row["id"]] = row

    # ---- the run ----

    def again_and_again(self, job, seed):
        choose = random.Random(seed)
        try:
            while not self.stop.is_set():
                job(choose)
        except BaseException as error:  # noqa: BLE001: whatever it was, the soak failed
            with self.lock:
                self.broken.append(f"{job.__name__}: {error!r}")
            self.stop.set()

    def run(self):
        folder = pathlib.Path(house.tempfile.mkdtemp(prefix="hostler-soak-"))
        models = [fake(name, chunks=chunks, chunk_ms=20, parallel=2) for name, chunks in VOICES.items()] + [fake("ears", type="stt", parallel=2)]
        reports = {name: house.QUIET[name] + f":log_path={folder}/report" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")}
        self.hostler = house.Hostler(folder, models, {
            "models.max_loaded": ROOM, "engines.health_interval_s": 0.5, "engines.stop_timeout_s": 1.0, "engines.load_timeout_s": 5 * house.PATIENCE,
            "engines.start_timeout_s": 3 * house.PATIENCE,
        }, reports).start()
        self.log_position = 0
        self.watching = threading.Event()
        watcher = threading.Thread(target=self.again_and_again, args=(self.follow_states, 0))
        try:
            watcher.start()
            self.watching.wait(house.LONG)
            self.descriptors = self.calm_descriptors()
            self.work()
            self.settle()
            self.stop.set()
            self.end(watcher)
        except AssertionError as error:
            self.broken.append(repr(error))
        finally:
            self.stop.set()
            self.hostler.kill()
            watcher.join()
        self.judge_kills()
        for report in folder.glob("report*"):
            text = "\n".join(line for line in report.read_text(errors="replace").splitlines() if not HARMLESS.search(line))
            if text:
                self.broken.append(f"{report.name}: {text[:6000]}")
        found = [line for line in self.hostler.stderr().splitlines() if REPORT.search(line)]
        if found:
            self.broken.append("the daemon said: " + "\n".join(found[:20]))
        if self.broken:
            print(self.hostler.stderr()[-6000:], file=sys.stderr)
        shutil.rmtree(folder)

    def work(self):
        self.began = time.monotonic()
        jobs = [self.speak] * 4 + [self.stream] * 2 + [self.hang_up] * 2 + [self.transcribe] * 2 + [self.look, self.health, self.load, self.bad, self.follow_log, self.kill]
        threads = [threading.Thread(target=self.again_and_again, args=(job, f"{self.seed} {number}")) for number, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        self.stop.wait(self.seconds)
        if not self.broken:
            self.stop.set()
            # A follower that waits for a line gets one.
            house.eventually(lambda: self.poke() or not any(thread.is_alive() for thread in threads), "the clients to finish", 2 * DEADLINE)
        for thread in threads:
            thread.join(2 * DEADLINE)

    def poke(self):
        self.hostler.unload("espeak")
        self.hostler.load("espeak")

    def settle(self):
        """Once nobody asks any more everything comes back: leases, waiters, engines that were stopped, descriptors."""
        if self.broken:
            return
        self.stop.clear()  # for the watcher

        def free():
            rows = self.hostler.get("/models").json["models"]
            return all(row["leases"] == 0 and row["waiting"] == 0 for row in rows)

        house.eventually(free, "the leases to come back", DEADLINE)
        self.remember_dossiers()
        for model in MODELS:
            answer = self.hostler.load(model)
            self.check(answer.status == 200, f"after it all {model} cannot be loaded: {answer}")
        self.check(self.ask("end", "GET", "/health").status == 200, "/health")
        self.unload_all()
        house.eventually(lambda: len(descriptors(self.hostler.pid)) <= len(self.descriptors),
                         f"descriptors to be closed; before: {self.descriptors}, at first: {descriptors(self.hostler.pid)}")
        house.eventually(lambda: self.remember_dossiers() or not self.missing(), "crash reports", house.LONG / 3) if self.missing() else None

    def calm_descriptors(self):
        """What is open while nothing is loaded, once it no longer changes: connections end a little later."""
        self.hostler.load("espeak")
        self.unload_all()
        self.hostler.get("/models")  # the first list opens a watch on the cache, which stays
        seen = []

        def steady():
            seen.append(descriptors(self.hostler.pid))
            return len(seen) >= 20 and all(now == seen[-1] for now in seen[-20:])

        house.eventually(steady, "the descriptors to settle")
        return seen[-1]

    def unload_all(self):
        for model in MODELS:
            self.hostler.unload(model)

    def end(self, watcher):
        self.hostler.terminate()
        status = self.hostler.wait()
        watcher.join(house.LONG)
        self.check(status == 0, f"hostler ended with status {status}")
        self.check(not self.hostler.leftovers(), f"hostler left {self.hostler.leftovers()}")

    # ---- whoever was killed was noticed ----

    def missing(self):
        """Kills that left neither a crash report nor happened while the model was on its way out."""
        found = []
        times = collections.defaultdict(list)
        for row in self.dossiers.values():
            times[row["model"]].append(datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp())
        for when, model, pid, number in self.kills:
            with self.lock:
                states = list(self.states[model])
            before = [state for moment, state in states if moment <= when][-1:]
            after = []  # until it is loaded again
            for moment, state in states:
                if moment > when and state == "loading":
                    break
                if moment > when - 1:
                    after.append(state)
            leaving = {"unloading", "unloaded"} | ({"error"} if number == signal.SIGSTOP else set())  # a load that stops is given up
            if before == ["unloading"] or leaving & set(after):
                continue
            if not any(when - 2 <= moment <= when + DEADLINE for moment in times[model]):
                found.append(f"{model} (process {pid}) got {signal.Signals(number).name} at {when:.1f}; states {states[-6:]}, reports {times[model][-4:]}")
        return found

    def judge_kills(self):
        if not self.broken:
            self.broken += [f"no crash report: {text}" for text in self.missing()]

    def summary(self):
        lines = [f"{name:24} {number}" for name, number in sorted(self.count.items())]
        lines.append(f"kills {len(self.kills)}, crash reports {len(self.dossiers)}, slowest request {self.slowest:.1f} s, slowest /health {1000 * self.slowest_health:.0f} ms")
        return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"soak of {options.minutes:g} minutes, seed {options.seed}, programs {house.BIN}", flush=True)
    soak = Soak(options.minutes * 60, options.seed)
    soak.run()
    print(soak.summary())
    for text in soak.broken:
        print("BROKEN: " + text)
    print("the soak failed" if soak.broken else "nothing broke")
    sys.exit(1 if soak.broken else 0)


if __name__ == "__main__":
    main()
