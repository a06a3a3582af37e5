"""An engine of bare sockets, for what no SDK would let an engine do: `model()` writes one that runs the test's own code.

    self.start(rogue.model(self.folder, "late", generate="time.sleep(3600)"))

Each route (health, load, capabilities, voices, generate, transcribe, logs) may be given a piece of Python that answers instead of the ordinary
answer; `c` is the connection, its request read. `begin` runs before the engine accepts, `accept` with each connection before its request is
read, `body` before the body of a request is read. `engine.listener` is the listening socket.
"""

import json
import pathlib
import sys
import textwrap
import threading


def model(folder, model_id, type="tts", **code):
    """A [[model]] whose engine is made for it."""
    path = pathlib.Path(folder) / f"engine-{model_id}"
    code = {name: textwrap.dedent(text) for name, text in code.items()}
    path.write_text(f"#!/usr/bin/python3 -S\nimport sys\nsys.dont_write_bytecode = True\nsys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})\n"
                    f"import rogue\nrogue.Engine({code!r}).run()\n")
    path.chmod(0o755)
    return {"id": model_id, "type": type, "engine": str(path)}


class Connection:
    def __init__(self, engine, socket):
        self.engine, self.socket = engine, socket
        self.file = socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def head(self, status=200, length=None, **fields):
        """A head without Content-Length is of a body that is chunked."""
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        fields["Transfer-Encoding" if length is None else "Content-Length"] = "chunked" if length is None else length
        self.send((f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode())

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.send(b"0\r\n\r\n")

    def json(self, value, status=200):
        body = json.dumps(value).encode()
        self.head(status, len(body), Content_Type="application/json")
        self.send(body)

    def audio_head(self, length=None, rate=16000, channels=1, type="audio/pcm"):
        self.head(200, length, Content_Type=type, X_Sample_Rate=rate, X_Channels=channels)

    def events(self):
        self.head(200, Content_Type="text/event-stream")

    def event(self, name, value):
        self.chunk(f"event: {name}\ndata: {json.dumps(value)}\n\n".encode())

    def read_request(self):
        line = self.file.readline().split()
        if not line:
            return False
        self.path = line[1].decode().split("?")[0]
        length = 0
        while (field := self.file.readline()).strip():
            name, _, value = field.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.route = "generate" if self.path.startswith("/generate/") else "logs" if self.path == "/logs/stream" else self.path.rsplit("/", 1)[1]
        self.engine.execute("body", self)
        self.body = self.file.read(length)
        return True

    def close(self):
        self.file.close()
        self.socket.close()


class Engine:
    def __init__(self, code):
        import os, signal, socket, subprocess, time
        self.names = dict(engine=self, os=os, signal=signal, socket=socket, subprocess=subprocess, time=time, threading=threading, json=json, sys=sys)
        self.code = {name: compile(text, name, "exec") for name, text in code.items()}
        self.memory = []

    def execute(self, name, c=None):
        if name not in self.code:
            return False
        exec(self.code[name], {**self.names, "c": c})
        return True

    def run(self):
        self.listener = self.names["socket"].socket(fileno=int(sys.argv[sys.argv.index("--listen-fd") + 1]))
        self.listener.setblocking(True)
        self.execute("begin")
        while True:
            try:
                socket, _ = self.listener.accept()
            except OSError:
                while True:  # closed by a test: the process lives on
                    self.names["time"].sleep(1000)
            threading.Thread(target=self.serve, args=(Connection(self, socket),), daemon=True).start()

    def serve(self, c):
        try:
            self.execute("accept", c)
            while c.read_request():
                if not self.execute(c.route, c):
                    getattr(self, c.route)(c)
        except OSError:
            pass
        finally:
            c.close()

    # ---- the ordinary answers ----

    def health(self, c):
        c.json({"status": "ok", "engine": "rogue", "version": "1", "protocol": 1, "features": [], "uptime_s": 1, "models_loaded": 1})

    def load(self, c):
        c.events()
        c.event("loaded", {"model_id": "x", "state": "loaded"})
        c.end()

    def capabilities(self, c):
        can = ("voice_blend", "voice_design", "voice_clone", "instructions", "speed_control", "ssml", "batch", "word_times", "grammar")
        c.json({**dict.fromkeys(can, False), "streaming": True, "transcribe": True, "speakers": [], "languages": ["en"],
                "sample_rate": 16000, "input_sample_rate": 16000, "default_voice": "v"})

    def voices(self, c):
        c.json({"voices": [{"id": "v", "name": "V", "language": "en", "gender": "unknown"}]})

    def generate(self, c):
        c.audio_head()
        for _ in range(4):
            c.chunk(bytes(3200))
        c.end()

    def transcribe(self, c):
        c.json({"text": "rogue", "language": "en", "duration": 1.0, "segments": [], "words": []})

    def logs(self, c):
        c.events()
        self.names["time"].sleep(100000)
