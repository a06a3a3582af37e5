"""A real hostler for one test: starts the daemon from the build folder, talks to it, ends it and looks whether anything is left.

    class Speech(house.Test):
        def test_it_speaks(self):
            hostler = self.start(house.fake("one", chunks=3))
            answer = hostler.post("/v1/audio/speech", {"model": "one", "input": "hi"})

Waiting is always for something: for an event, for a line of the log, or for a condition with a deadline. Deadlines are
generous and only decide when a test gives up; HOSTLER_TEST_PATIENCE multiplies them where everything is slower (sanitizers).
"""

import ctypes
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import unittest
import urllib.parse

from answers import LONG, PATIENCE, Answer, Events, multipart  # noqa: F401: tests know them all as house.NAME

BIN = pathlib.Path(os.environ.get("HOSTLER_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build/dev/bin")).resolve()
HOSTLER = BIN / "hostler"
SANITIZED = "asan" in str(BIN) or "tsan" in str(BIN)  # memory is not what it is
FAKE_ENGINE = BIN / "hostler-engine-fake"

# What a hostler of the person who runs the tests may be told must not reach ours.
QUIET = {name: value for name, value in os.environ.items()
         if not name.startswith(("HOSTLER_", "HF_", "HUGGING", "TRANSFORMERS_")) and name != "LOG_LEVEL" and not name.lower().endswith("_proxy")}
# Sanitizers must not turn a signal into an exit status: how an engine ended is what some tests look at.
for _name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
    QUIET[_name] = QUIET.get(_name, "") + ":handle_segv=0:handle_abort=0"

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_the_test():
    PR_SET_PDEATHSIG = 1
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# ---- configuration ----


def toml(value):
    """A Python value as TOML, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return str(value)


def fake(model_id, type="tts", pinned=False, **options):
    """A [[model]] that the fake engine runs; `options` as in engines/fake/README.md."""
    return {"id": model_id, "type": type, "engine": str(FAKE_ENGINE), "pinned": pinned, "options": options}


def configuration(models, settings):
    """The text of hostler.toml. `settings`: {"models.max_loaded": 2}."""
    tables = {"engines": {"threads": 1}}
    for key, value in settings.items():
        table, name = key.split(".")
        tables.setdefault(table, {})[name] = value
    lines = []
    for table, members in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{name} = {toml(value)}" for name, value in members.items()]
    for model in models:
        lines.append("[[model]]")
        lines += [f"{name} = {toml(value)}" for name, value in model.items()]
    text = "\n".join(lines) + "\n"
    tomllib.loads(text)
    return text


# ---- the daemon ----


class Hostler:
    """One running daemon with a home of its own. Calls may come from any thread."""

    def __init__(self, folder, models, settings, environment):
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "hostler.toml").write_text(configuration(models, settings))
        self.stderr_file = folder / "stderr"
        self.cache = folder / "hf" / "hub"  # of Hugging Face; nobody answers at the endpoint unless a test says who
        self.environment = {**QUIET, "HOSTLER_HOME": str(self.home), "NO_COLOR": "1", "HF_HOME": str(folder / "hf"),
                            "HF_ENDPOINT": "http://127.0.0.1:9", **environment}
        self.process = None
        self.command = lambda *command: command  # what it is run by

    def start(self):
        with open(self.stderr_file, "ab") as errors:
            self.process = subprocess.Popen(
                self.command(HOSTLER, "serve", "--port", "0", "--home", self.home),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=self.environment, preexec_fn=_die_with_the_test)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"hostler is listening on (http://127\.0\.0\.1:(\d+))\n", line)
        if not found:
            self.process.wait()
            raise AssertionError(f"hostler did not start: {line!r} {self.stderr()}")
        self.url, self.port = found[1], int(found[2])
        return self

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        return self.stderr_file.read_text(errors="replace")

    # -- HTTP --

    def connection(self, timeout=None):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout or LONG)

    def open(self, method, path, body=None, headers=None):
        """Sends a request; returns the connection and the answer, whose body is not read yet."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, path, body, headers)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def ask(self, method, path, body=None, headers=None):
        connection, response = self.open(method, path, body, headers)
        try:
            return Answer(response)
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.ask("GET", path, headers=headers)

    def post(self, path, body=None, headers=None):
        return self.ask("POST", path, body, headers)

    def speak(self, model, text="hello", **more):
        return self.post("/v1/audio/speech", {"model": model, "input": text, "response_format": "pcm", **more})

    def transcribe(self, audio, headers=None, **fields):
        return self.form("/v1/audio/transcriptions", {"file": ("audio", audio), **fields}, headers)

    def form(self, path, fields, headers=None):
        content_type, body = multipart(fields)
        return self.post(path, body, {"Content-Type": content_type, **(headers or {})})

    def events(self, path="/events?topics=state", headers=None):
        """From the moment of the call on: what happens after it is not missed."""
        connection, response = self.open("GET", path, headers=headers)
        assert response.status == 200, Answer(response)
        return Events(connection, response)

    def socket(self, request, timeout=None):
        """A raw connection on which `request` (bytes) was sent."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout or LONG)
        raw.sendall(request)
        return raw

    # -- what it knows --

    def model(self, model_id):
        return next(row for row in self.get("/models").json["models"] if row["id"] == model_id)

    def loaded(self):
        return [row["model"] for row in self.get("/api/ps").json["models"]]

    def logs(self, **query):
        return self.get("/logs?" + urllib.parse.urlencode(query)).json["logs"]

    def crashes(self, model=None):
        rows = self.get("/api/crashes").json["crashes"]
        return [row for row in rows if model in (None, row["model"])]

    def wait_for_crash(self, model, count=1):
        """The newest crash dossier of a model. It is written a moment after the crash is known."""
        eventually(lambda: len(self.crashes(model)) >= count, f"{count} crash reports of {model}")
        return self.get("/api/crashes/" + self.crashes(model)[0]["id"]).json

    def load(self, model):
        return self.post("/models/load", {"model_id": model})

    def unload(self, model):
        return self.post("/models/unload", {"model_id": model})

    # -- the end --

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        status = self.process.wait(LONG)
        self.process.stdout.close()
        return status

    def leftovers(self):
        """What a hostler that ended must not leave: processes and files."""
        left = [f"process {pid}: {command}" for pid, command in processes_of(self.home)]
        left += [str(path) for path in (self.home / "run" / "engines").glob("*")]
        left += [str(path) for path in (self.home / "tmp").glob("*")]
        left += [str(path) for path in [self.home / "run" / "daemon.json"] if path.exists()]
        return left

    def kill(self):
        """If it still runs: whatever happened, nothing stays behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        for pid, _ in processes_of(self.home):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def processes_of(home):
    """Engines (and what they started) that belong to a home folder: hostler marks their environment."""
    found = []
    marker = f"HOSTLER_ENGINE_HOME={home}".encode()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if marker not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state not in "ZX":  # a zombie only waits for its parent to look
                found.append((int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
        except (OSError, IndexError):
            pass  # gone meanwhile, or somebody else's
    return found


def eventually(condition, what, timeout=LONG):
    """Waits until condition() holds, for things that tell nobody when they change. Returns its value."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)
    return value


def in_threads(jobs):
    """Runs all at the same time; raises the first error of any."""
    errors = []

    def run(job):
        try:
            job()
        except BaseException as error:  # noqa: BLE001: it is raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Background:
    """A call in a thread of its own; result() waits for it."""

    def __init__(self, job):
        self._job = job
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self._value, self._error = self._job(), None
        except BaseException as error:  # noqa: BLE001
            self._value, self._error = None, error

    def result(self):
        self._thread.join(LONG)
        assert not self._thread.is_alive(), "a call did not come back"
        if self._error:
            raise self._error
        return self._value


class Test(unittest.TestCase):
    """Starts daemons and ends them: status 0, no process, no file left. A failed test prints what its daemons said.

    Daemons started in setUpClass (cls.start_shared) serve all tests of a class.
    """

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls._shared = []

    @classmethod
    def start_shared(cls, *models, environment=None, **settings):
        return cls.new_shared(*models, environment=environment, **settings).start()

    @classmethod
    def new_shared(cls, *models, environment=None, **settings):
        """As start_shared, but the class starts it by itself, within its setUpClass."""
        hostler = _new_hostler(models, environment, settings)
        cls._shared.append(hostler)
        cls.addClassCleanup(_finish, hostler)
        return hostler

    def start(self, *models, environment=None, **settings):
        """settings: server__max_upload_mb=1 for server.max_upload_mb."""
        hostler = self.new(*models, environment=environment, **settings)
        self.addCleanup(self.finish, hostler)
        return hostler.start()

    def new(self, *models, environment=None, **settings):
        """A daemon that the test starts and ends by itself."""
        hostler = _new_hostler(models, environment, settings)
        self._own.append(hostler)
        self.addCleanup(_clear, hostler)
        return hostler

    def finish(self, hostler):
        try:
            _finish_well(hostler)
        finally:
            hostler.kill()

    def run(self, result=None):
        self._own = []
        bad = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > bad:
            for hostler in self._own + getattr(type(self), "_shared", []):
                said = hostler.stderr() if hostler.stderr_file.exists() else hostler.last_words
                print(f"\n---- {self.id()}: the daemon said ----\n{said[-12000:]}\n----", file=sys.stderr)

    def assert_error(self, answer, status, code=None, param=None, message=None, remedy=True):
        """The envelope that every error has."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        error = answer.error
        self.assertEqual(set(error) - {"remedy"}, {"message", "type", "param", "code"}, error)
        self.assertEqual(error["type"], "invalid_request_error" if status < 500 else "server_error")
        self.assertTrue(error["message"])
        if code:
            self.assertEqual(error["code"], code, error)
        if param:
            self.assertEqual(error["param"], param, error)
        if message:
            self.assertRegex(error["message"], message)
        if remedy:
            self.assertTrue(error.get("remedy"), f"no remedy: {error}")
        return error

    def assert_cut(self, response):
        """The rest of a chunked answer: it must break off rather than end as if all were well."""
        got = b""
        try:
            while piece := response.read1(65536):
                got += piece
        except (http.client.IncompleteRead, ConnectionResetError):
            return got
        self.fail(f"the stream ended cleanly after {len(got)} bytes although the engine failed")


def _new_hostler(models, environment, settings):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hostler-test-"))
    return Hostler(folder, models, {key.replace("__", "."): value for key, value in settings.items()}, environment or {})


def _finish_well(hostler):
    if hostler.process.poll() is None:
        hostler.terminate()
    status = hostler.wait()
    assert status == 0, f"hostler ended with status {status}"
    assert not (left := hostler.leftovers()), f"hostler left {left}"


def _clear(hostler):
    hostler.kill()
    hostler.last_words = hostler.stderr() if hostler.stderr_file.exists() else ""
    shutil.rmtree(hostler.home.parent)


def _finish(hostler):
    try:
        _finish_well(hostler)
    except AssertionError:
        print(hostler.stderr()[-12000:], file=sys.stderr)
        raise
    finally:
        _clear(hostler)


def main():
    for program in (HOSTLER, FAKE_ENGINE):
        if not program.exists():
            sys.exit(f"{program} is missing: set HOSTLER_BUILD to the bin folder of a build")
    unittest.main(verbosity=2 if sys.stdout.isatty() else 1)
