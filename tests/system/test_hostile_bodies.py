#!/usr/bin/python3
"""Bodies that nobody who means well would send: every one gets a clear refusal, and everybody else is served as before.

HOSTLER_HOSTILE=N (default 1) multiplies the number of random and truncated uploads.
"""

import base64
import json
import os
import random
import socket
import struct
import subprocess

import house
from house import fake
from sounds import silent_flac

MORE = int(os.environ.get("HOSTLER_HOSTILE", "1"))
JSON = {"Content-Type": "application/json"}
SPEECH = "/v1/audio/speech"
# Other people's dialects: their clients send fields that nobody here knows, which are named in a header and left out.
LENIENT = (SPEECH, "/v1/embeddings", "/v1/rerank", "/v2/rerank", "/rerank", "/embed_sparse")
TRANSCRIBE = "/v1/audio/transcriptions"
FORM = {"Content-Type": "multipart/form-data; boundary=B"}
END = b"--B--\r\n"
LIMIT = 8 << 20  # bytes of a JSON body
VALUES = {"null": None, "boolean": True, "integer": 7, "number": 1.5, "string": "x", "array": [[]], "object": {"x": {}}}


def part(name, data, more=b""):
    return b'--B\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + data + b"\r\n"


def wav(data=b"\0\0" * 8000, size=None, channels=1, rate=16000, block=None, bits=16, tag=1):
    size = len(data) if size is None else size
    block = channels * bits // 8 if block is None else block
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", (size + 36) % (1 << 32), b"WAVE", b"fmt ", 16, tag, channels, rate, rate * block % (1 << 32), block % (1 << 16), bits, b"data", size) + data


class HostileBodies(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("voice"), fake("ear", type="stt"), server__max_upload_mb=8, speech__max_recording_hours=0.5)
        cls.hostler.load("voice")
        cls.file = part(b"file", wav(), b'; filename="a.wav"')
        cls.model = part(b"model", b"ear")

    def send(self, path, body, headers=JSON):
        return self.hostler.post(path, body, headers)

    def refused(self, answer, param=None, message=None, status=range(400, 500)):
        self.assertIn(answer.status, status, answer)
        self.assertLess(len(answer.body), 10000)
        self.assert_error(answer, answer.status, param=param, message=message)
        return answer

    def tearDown(self):
        self.assertEqual(self.hostler.get("/health").status, 200)

    # -- JSON --

    def test_every_field_of_every_route_with_every_wrong_type(self):
        document = self.hostler.get("/openapi.json").json
        schemas, tried = document["components"]["schemas"], 0
        for path, operations in document["paths"].items():
            content = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
            if not content:
                continue
            schema = schemas[content["schema"]["$ref"].rsplit("/", 1)[1]]
            required = {name: "x" for name in schema.get("required", [])}
            for name in required:
                self.refused(self.send(path, json.dumps({key: "x" for key in required if key != name})), name, "missing")
            for value in VALUES.values():
                if not isinstance(value, dict):
                    self.refused(self.send(path, json.dumps(value)), message="expected object")
            if path not in LENIENT:
                self.refused(self.send(path, json.dumps({**required, "no_such_field": 1})), "no_such_field", "unknown")
            for name, field in schema["properties"].items():
                fits = {field.get("type", "string")} | ({"integer"} if field.get("type") == "number" else set())
                if name not in required:
                    fits.add("null")
                for kind, value in VALUES.items():
                    if kind not in fits:
                        with self.subTest(path=path, field=name, value=value):
                            answer = self.refused(self.send(path, json.dumps({**required, name: value})), message="expected|null")
                            self.assertEqual(answer.json["error"]["param"].split("[")[0], name)  # of a list: which item
                            tried += 1
                if "string" in fits:
                    with self.subTest(path=path, field=name, value="NUL"):
                        nul = self.send(path, json.dumps({**required, name: "a\0b"}))
                        self.refused(nul, name, "NUL" if field.get("type") else None)
                elif field["type"] in ("number", "integer"):
                    for number in ("1e999", "-1e999", "9" * 400):
                        body = json.dumps(required)[:-1] + f', "{name}": {number}' + "}"
                        self.refused(self.send(path, body), name, "too large")
        self.assertGreater(tried, 100)

    def test_what_is_no_json(self):
        for name, body in {
            "deep arrays": b"[" * 100000, "deep objects": b'{"a":' * 100000, "NaN": b'{"speed":NaN}', "infinity": b'{"speed":Infinity}',
            "trailing": b'{"input":"x"} x', "two": b'{"input":"x"}{}', "comment": b'{"input":"x"/*c*/}', "comma": b'{"input":"x",}',
            "utf-8": b'{"input":"\xff"}', "overlong": b'{"input":"\xc0\x80"}', "key": b'{"\xff":1}', "surrogate": b'{"input":"\\ud800"}',
            "reversed": b'{"input":"\\udc00\\ud800"}', "raw surrogate": b'{"input":"\xed\xa0\x80"}', "half": b'{"input":"x', "NUL": b"\0",
            "control": b'{"input":"a\x1bb"}', "utf-16": '{"input":"x"}'.encode("utf-16"), "zero": b'{"speed":01}',
        }.items():
            with self.subTest(name):
                self.refused(self.send(SPEECH, body), message="not valid JSON", status=[400])
        self.refused(self.send(SPEECH, b'\xef\xbb\xbf{"input":"x"}'), message="byte order mark")

    def test_a_key_that_comes_twice(self):
        self.refused(self.send(SPEECH, b'{"input":"x","voice":{"id":"a","id":"b"}}'), "voice.id", "twice")
        self.refused(self.send(SPEECH, b'{"input":"x","":1,"":2}'), message="twice")
        self.refused(self.send(SPEECH, b'{"input":"x","inpu\\u0074":"y"}'), "input", "twice")

    def test_sizes(self):
        def text(size):
            return b'{"input":"' + b"x" * (size - 12) + b'"}'

        self.refused(self.send(SPEECH, text(LIMIT)), "input", "characters")
        self.refused(self.send(SPEECH, text(LIMIT + 1)), message="larger", status=[413])
        connection = self.hostler.connection()
        self.addCleanup(connection.close)
        connection.request("POST", SPEECH, iter([text(LIMIT)]), JSON)
        self.refused(house.Answer(connection.getresponse()), "input", "characters")
        connection.request("POST", SPEECH, iter([text(LIMIT + 1)]), JSON)
        self.refused(house.Answer(connection.getresponse()), message="larger", status=[413])

    # What is quoted in an answer is cut, and nobody compares megabytes with the names of models.
    def test_megabytes_are_not_sent_back(self):
        big = "k" * 7000000
        self.refused(self.send("/models/load", json.dumps({"model_id": big})), message="there is no model")
        self.refused(self.send(SPEECH, json.dumps({"input": "x", "response_format": big})), "response_format")
        self.refused(self.send("/models/load", json.dumps({"model_id": "voice", big: 1})), message="unknown field")
        self.refused(self.send("/models/load", json.dumps({"model_id": "voice", big[:1 << 20]: 1})), message="unknown field")
        self.refused(self.send("/models/load", json.dumps({"model_id": "voice", **{f"k{i}": 1 for i in range(100000)}})), "k0")
        answer = self.send(SPEECH, json.dumps({"input": "x", "model": "voice", "response_format": "pcm", **{f"k{i}": 1 for i in range(100000)}}))
        self.assertEqual(answer.status, 200)
        self.assertLess(len(answer.headers["X-Hostler-Ignored-Fields"]), 2000)
        self.refused(self.hostler.form(TRANSCRIBE, {"file": ("a", wav()), "model": big}), "model", "longer")

    def test_encodings_and_types(self):
        for encoding in ("gzip", "br", "deflate", "GZIP", "identity, gzip"):
            for path, headers in ((SPEECH, JSON), ("/models/load", JSON), (TRANSCRIBE, FORM)):
                answer = self.send(path, b"\x1f\x8b\x08", {**headers, "Content-Encoding": encoding})
                self.refused(answer, message="content encoding", status=[415])
        self.assertEqual(self.send(SPEECH, b'{"input":"x","model":"voice"}', {**JSON, "Content-Encoding": "identity"}).status, 200)
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "application/jsonx", "json"):
            self.refused(self.send(SPEECH, b'{"input":"x"}', {"Content-Type": content_type}), message="content type", status=[415])
        for content_type in ("application/json; charset=utf-8", "APPLICATION/JSON;charset=x", "application/vnd.x+json"):
            self.assertEqual(self.send(SPEECH, b'{"input":"x","model":"voice"}', {"Content-Type": content_type}).status, 200)

    # -- text --

    def test_texts_that_are_strange(self):
        for text in ("\x1b[2J\x9b31m\u202e", "👍" * 1000, "\u0301" * 4000, "‮‏" * 100, "<speak><break time='99999s'/></speak>",
                     "[[h@'l@U]]", "a\nb | ERROR | forged", "\x01\x02\x03", "\u0590\u05ff" * 500, "\ufffe\uffff\U0010ffff", "%s%n%x" * 50):
            for model in ("voice", "espeak", "flite"):
                with self.subTest(text=text[:10], model=model):
                    self.assertIn(self.hostler.speak(model, text).status, (200, 400))

    def test_a_log_line_stays_one_line_without_escapes(self):
        for text in ("a\n2026-01-01 00:00:00,000 | ERROR | forged", "\x1b[2J\x1b]0;x\x07", "\x9b31m", "\u2028x\u202ey"):
            self.hostler.load("no" + text)
            self.hostler.speak("voice", text, voice="no" + text)
            self.hostler.form(TRANSCRIBE, {"file": ("a", b"junk" + text.encode()), "model": "ear"})
            self.hostler.get("/models/" + "".join(f"%{byte:02x}" for byte in text.encode()))
        said = self.hostler.stderr()
        self.assertNotRegex(said, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
        self.assertNotRegex(said, r"(?m)^\S+ \S+ \| ERROR \| forged")

    def test_the_command_line_gives_a_terminal_no_escapes(self):
        done = subprocess.run([house.HOSTLER, "load", "\x1b[2J\u009b31m\u202e", "--server", self.hostler.url], capture_output=True, text=True, env=house.QUIET)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotRegex(done.stdout + done.stderr, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")

    # An answer can be read as JSON whatever it has to quote.
    def test_bytes_that_are_no_text_in_places_that_are_quoted(self):
        for path in ("/%ff", "/v1/models/%ff%c3(", "/models/%ed%a0%80"):
            self.refused(self.hostler.get(path), status=[404])
        self.refused(self.send(TRANSCRIBE, self.file + part(b"model", b"\xff\x1b") + END, FORM), "model", "UTF-8")
        self.refused(self.send(TRANSCRIBE, self.file + self.model + part(b"language", b"\xff") + END, FORM), "language", "UTF-8")
        self.refused(self.send(TRANSCRIBE, self.file + self.model + part(b"prompt", b"a\0b") + END, FORM), "prompt", "NUL")

    # -- forms --

    def test_forms_that_say_two_things(self):
        self.refused(self.send(TRANSCRIBE, self.file * 2 + self.model + END, FORM), "file", "twice")
        self.refused(self.send(TRANSCRIBE, self.file + self.model + part(b"model", b"voice") + END, FORM), "model", "twice")
        self.refused(self.send(TRANSCRIBE, self.file + part(b"model", b"ear", b'; filename="x"') + END, FORM), "model", "as a file")

    def test_forms_that_are_broken(self):
        for name, body in {
            "no end": self.file + self.model, "nothing": b"", "only the end": END, "no head": b"--B\r\n\r\nx\r\n" + END, "no name": b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
            "preamble": b"x" * 100000 + b"\r\n" + self.file + END, "nested": b"--B\r\nContent-Disposition: form-data; name=\"file\"\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C--\r\n" + END,
            "base64": part(b"file", b"eA==", b"\r\nContent-Transfer-Encoding: base64") + END, "two names": part(b"a", b"x", b'; name="b"') + END,
            "head": part(b"n" * 100000, b"x") + END, "fields": part(b"a", b"x", b"\r\nX: y" * 5000) + END, "parts": part(b"a", b"x") * 5000 + END,
            "obs-fold": part(b"a", b"x", b"\r\n folded") + END, "empty parts": part(b"a", b"") * 3000,
        }.items():
            with self.subTest(name):
                self.refused(self.send(TRANSCRIBE, body, FORM))
        for boundary in ("", "B" * 71, '"', '"x', "B;boundary=C", "B\x7f"):
            with self.subTest(boundary=boundary):
                self.refused(self.send(TRANSCRIBE, self.file + self.model + END.replace(b"B", b"C"), {"Content-Type": "multipart/form-data; boundary=" + boundary}))

    def test_forms_that_are_odd_but_right(self):
        odd = [b'; filename="../../etc/passwd"', b'; filename="a%00%0d%0a.wav"', b"; filename=a.wav; filename*=UTF-8''%e2%82%ac.wav", b'; filename="C:\\x.wav"', b'; filename=""', b'; filename="a\x1b[2J\xff"']
        for more in odd:
            with self.subTest(more):
                self.assertEqual(self.send(TRANSCRIBE, part(b"file", wav(), more) + self.model + END, FORM).status, 200)
        self.assertEqual(self.send(TRANSCRIBE, b"preamble\r\n" + self.model + self.file + END + b"epilogue" * 1000, FORM).status, 200)
        self.assertFalse(os.path.exists(self.hostler.home / "tmp" / "passwd"))

    def spilled(self):
        found = []
        for entry in os.listdir(f"/proc/{self.hostler.pid}/fd"):
            try:
                target = os.readlink(f"/proc/{self.hostler.pid}/fd/{entry}")
            except FileNotFoundError:
                continue
            found += [target] if target.startswith(str(self.hostler.home / "tmp")) else []
        return found

    def test_a_large_upload_leaves_no_file_however_it_ends(self):
        large = part(b"file", wav(b"\0\0" * (2 << 20)), b'; filename="a.wav"')
        self.assertEqual(self.send(TRANSCRIBE, large + self.model + END, FORM).status, 200)
        self.refused(self.send(TRANSCRIBE, large + b"--B-", FORM))
        head = f"POST {TRANSCRIBE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: {len(large)}\r\n\r\n".encode()
        raw = self.hostler.socket(head + large[:3 << 20])
        house.eventually(self.spilled, "a temporary file to be open")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
        house.eventually(lambda: not self.spilled(), "the temporary file to be closed")
        self.assertEqual(list((self.hostler.home / "tmp").glob("*")), [])

    # -- audio --

    def upload(self, audio):
        return self.hostler.transcribe(audio, model="ear", response_format="verbose_json")

    def test_headers_that_lie(self):
        for lie in ({"channels": 0}, {"rate": 0}, {"rate": 4000000000}, {"channels": 65535}, {"block": 0}, {"bits": 0}, {"bits": 65535}, {"tag": 0}, {"tag": 0xFFFE}, {"channels": 65535, "rate": 4000000000}):
            with self.subTest(lie):
                answer = self.upload(wav(**lie))
                if answer.status != 200:  # a header with one odd field may still be read by a decoder that ignores it
                    self.refused(answer, "file")
        for size in (0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x40000000):
            answer = self.upload(wav(size=size))
            self.assertEqual(answer.status, 200, answer)
            self.assertLess(answer.json["duration"], 1)

    def test_a_few_kilobytes_that_hold_hours(self):
        answer = self.upload(silent_flac(60))
        self.assertEqual(answer.status, 200, answer)
        self.assertGreaterEqual(answer.json["duration"], 60)
        bomb = silent_flac(3 * 3600)
        self.assertLess(len(bomb), 30000)
        uploads = [house.Background(lambda: self.upload(bomb)) for _ in range(2)]
        self.assertEqual(self.hostler.speak("voice").status, 200)  # others are served meanwhile
        for upload in uploads:
            self.refused(upload.result(), "file", "longer than 1800 seconds", [413])

    def test_every_container_cut_and_bent(self):
        chance = random.Random(1)
        for name in ("wav", "mp3", "opus", "flac", "aac"):
            whole = self.hostler.post(SPEECH, {"model": "voice", "input": "x" * 20, "response_format": name}).body
            for _ in range(12 * MORE):
                bent = bytearray(whole[:chance.randrange(1, len(whole))])
                for _ in range(chance.randrange(4)):
                    bent[chance.randrange(len(bent))] = chance.randrange(256)
                with self.subTest(format=name, size=len(bent)):
                    answer = self.upload(bytes(bent))
                    if answer.status != 200:
                        self.refused(answer, "file")

    def test_nothing_that_a_file_names_is_opened(self):
        with socket.create_server(("127.0.0.1", 0)) as canary:
            canary.setblocking(False)
            url = f"http://127.0.0.1:{canary.getsockname()[1]}/x.wav"
            secret = self.hostler.home / "secret.wav"
            secret.write_bytes(wav())
            self.addCleanup(secret.unlink)
            for target in (url, str(secret), "file://" + str(secret), "concat:" + str(secret)):
                for text in (f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n", f"ffconcat version 1.0\nfile '{target}'\n",
                             f'<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>',
                             f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {canary.getsockname()[1]} RTP/AVP 0\n", f"[playlist]\nFile1={target}\n", target):
                    with self.subTest(text=text[:12]):
                        self.refused(self.upload(text.encode()), "file")
            with self.assertRaises(BlockingIOError):
                canary.accept()

    def test_an_upload_that_never_ends_is_ended(self):
        raw = self.hostler.socket(f"POST {TRANSCRIBE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        head = part(b"file", b"", b'; filename="a"')[:-2]
        raw.sendall(b"%x\r\n%s\r\n" % (len(head), head))
        piece, sent = b"10000\r\n" + b"\0" * 65536 + b"\r\n", 0
        raw.settimeout(house.LONG)
        try:
            while sent < 1 << 30:
                raw.sendall(piece)
                sent += 65536
        except OSError:
            pass
        raw.close()
        self.assertLess(sent, 100 << 20)
        house.eventually(lambda: not self.spilled(), "the temporary file to be closed")

    def test_references_for_cloning(self):
        for reference in ("!!!", "", "A" * 5, base64.b64encode(b"junk").decode(), base64.b64encode(wav(channels=0)).decode(), base64.b64encode(wav(rate=0)).decode(),
                          base64.b64encode(wav(block=0)).decode(), base64.b64encode(wav(channels=65535, rate=4000000000)).decode(), base64.b64encode(wav()[:30]).decode()):
            with self.subTest(reference=reference[:20]):
                self.refused(self.hostler.post("/generate/clone", {"model_id": "voice", "text": "x", "reference_audio": reference}))
        for sample in ("../../etc/passwd", "/etc/passwd", "a/../../b", "..", ".", ""):
            self.refused(self.hostler.post("/generate/clone", {"model_id": "voice", "text": "x", "sample": sample}))


class Configuration(house.Test):
    def refuse(self, text, message):
        hostler = self.new()
        (hostler.home / "hostler.toml").write_bytes(text)
        done = subprocess.run([house.HOSTLER, "serve", "--port", "0", "--home", hostler.home], capture_output=True, env=house.QUIET, timeout=house.LONG)
        self.assertIn(done.returncode, range(1, 128), done)
        self.assertRegex(done.stderr.decode(), message)
        self.assertLess(len(done.stderr), 10000)
        self.assertNotRegex(done.stderr.decode(), "[\x00-\x09\x0b-\x1f\x7f]")

    def test_files_that_are_hostile(self):
        self.refuse(b"# " + b"x" * (100 << 20), "larger than 1 MB")
        self.refuse(b"[server]\nport = 1\0\n", "hostler.toml")
        self.refuse(b"a = " + b"[" * 100000, "hostler.toml")
        self.refuse(b"a." * 50000 + b"b = 1", "hostler.toml")
        self.refuse(b"a = " + b"{a=" * 100000, "hostler.toml")
        for number in (b"1e999", b"nan", b"-inf", b"99999999999999999999", b"-1", b"9223372036854775807", b"0x7fffffffffffffff"):
            self.refuse(b"[server]\nmax_upload_mb = " + number, "max_upload_mb|hostler.toml")
        for name in (b"../x", b"/etc/passwd", b"..", b"a/../b", b"a\\u0000b", b"a\\u001b[2J", b""):
            self.refuse(b'[[model]]\nid = "' + name + b'"\ntype = "tts"\nengine = "/bin/true"\n', "id")
        self.refuse(b'[[model]]\nid = "' + b"x" * 500000 + b'"\ntype = "tts"\nengine = "/bin/true"\n', "id")
        self.refuse(b"\xff\xfe[\0s\0", "hostler.toml")
        self.refuse(b"[ser\xff]\n", "hostler.toml")


if __name__ == "__main__":
    house.main()
