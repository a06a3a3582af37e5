#!/usr/bin/python3
"""Bytes from somebody who means harm: every request has one reading or none, nobody keeps what belongs to all, and whoever
is honest is served meanwhile.

HOSTLER_HOSTILE_SCALE multiplies the floods (1): ten is a good number for a longer run.
"""

import json
import os
import pathlib
import re
import resource
import socket
import struct
import threading
import time
import unittest

import house
from house import fake

SCALE = int(os.environ.get("HOSTLER_HOSTILE_SCALE", "1"))
HOST = b"Host: localhost\r\n"
BEHIND = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(path=b"/live", more=b""):
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + more + b"\r\n"


def post(fields, body=b"", path=b"/models/load"):
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def chunked(body):
    return post(b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", body)


def speech(model="one", **more):
    body = json.dumps({"model": model, "input": "hello", "response_format": "pcm", **more}).encode()
    return post(b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body), body, b"/v1/audio/speech")


def reset(client):
    """Closes so that the other side sees a reset, not an end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def all_of(client):
    """Everything up to the end, and whether the end was a reset."""
    got = b""
    try:
        while piece := client.recv(65536):
            got += piece
    except ConnectionResetError:
        return got, True
    return got, False


def statuses(got):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", got)]


def sockets(hostler):
    """How many sockets it has open. Those to engines are kept for a while."""
    count = 0
    for descriptor in pathlib.Path(f"/proc/{hostler.pid}/fd").iterdir():
        try:
            count += os.readlink(descriptor).startswith("socket:")
        except OSError:
            pass  # closed meanwhile
    return count


def resident_kb(hostler):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{hostler.pid}/status").read_text())[1])


# What has no undisputed reading is refused, and nothing behind it is taken for a request.
REFUSED = [
    # where the body ends
    ("TE gzip", post(b"Transfer-Encoding: gzip\r\n"), 400),
    ("TE chunked, chunked", post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), 400),
    ("TE twice", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n"), 400),
    ("TE empty", post(b"Transfer-Encoding:\r\n", b"0\r\n\r\n"), 400),
    ("TE with a parameter", post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n"), 400),
    ("TE quoted", post(b"Transfer-Encoding: \"chunked\"\r\n", b"0\r\n\r\n"), 400),
    ("TE with a vertical tab", post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), 400),
    ("TE and CL", post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n"), 400),
    ("TE_ and TE", post(b"Transfer-Encoding: x\r\nTransfer_Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("CL twice, equal", post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"), 400),
    ("CL twice, different", post(b"Content-Length: 2\r\nContent-Length: 44\r\n", b"{}"), 400),
    *[(f"CL {value!r}", post(b"Content-Length: " + value + b"\r\n", b"{}"), 400)
      for value in (b"+2", b"-2", b"2,2", b"2 2", b"0x2", b"2.0", b"2e0", b"", b"two", b"18446744073709551618", b"9" * 400, b"\"2\"", b"\x0b2")],
    ("CL larger than anything", post(b"Content-Length: 10737418240\r\n"), 413),
    # lines
    ("folded", get(more=b"A: b\r\n c\r\n"), 400),
    ("folded at the front", b"GET /live HTTP/1.1\r\n " + HOST + b"\r\n", 400),
    ("bare LF", b"GET /live HTTP/1.1\nHost: localhost\n\n", 400),
    ("bare LF at the end", b"GET /live HTTP/1.1\r\nHost: localhost\r\n\n", 400),
    ("bare CR", get(more=b"A: b\rC: d\r\n"), 400),
    ("CR CR LF", get(more=b"A: b\r\r\n"), 400),
    ("space before the colon", get(more=b"A : b\r\n"), 400),
    ("tab before the colon", get(more=b"A\t: b\r\n"), 400),
    ("NUL in a value", get(more=b"A: \0\r\n"), 400),
    ("NUL in a name", get(more=b"A\0: b\r\n"), 400),
    ("no colon", get(more=b"nonsense\r\n"), 400),
    ("no name", get(more=b": b\r\n"), 400),
    ("a name of other letters", get(more="Häuser: b\r\n".encode()), 400),
    ("a control character in a value", get(more=b"A: \x1b[31m\r\n"), 400),
    ("ten thousand fields", get(more=b"A: b\r\n" * 10_000), 431),
    ("a long line", get(b"/" + b"a" * 100_000), 431),
    ("empty lines for ever", b"\r\n" * 50_000, 431),
    # chunks
    *[(f"chunk {body[:30]!r}", chunked(body), 400)
      for body in (b"-2\r\n{}\r\n0\r\n\r\n", b"+2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"g\r\n", b"\r\n", b"; a\r\n", b" 2\r\n{}\r\n0\r\n\r\n",
                   b"2 2\r\n{}\r\n0\r\n\r\n", b"2\t0\r\n{}\r\n0\r\n\r\n", b"2,2\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffff\r\n{}", b"10000000000000002\r\n{}\r\n0\r\n\r\n",
                   b"0" * 40 + b"2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n", b"2\r\n{}\r0\r\n\r\n", b"2\n{}\n0\n\n", b"2\r{}\r\n0\r\n\r\n",
                   b"2;a\nb\r\n{}\r\n0\r\n\r\n", b"2;a\0\r\n{}\r\n0\r\n\r\n", b"2\r\n{}x\r\n0\r\n\r\n", b"2;" + b"a" * 20_000 + b"\r\n{}\r\n0\r\n\r\n",
                   b"1\r\n{\r\n1;" + b"a" * 9_000 + b"\r\n \r\n1;" + b"a" * 9_000 + b"\r\n}\r\n0\r\n\r\n",
                   b"2\r\n{}\r\n0\r\nGET /x HTTP/1.1\r\n\r\n", b"2\r\n{}\r\n0\r\n folded\r\n\r\n", b"2\r\n{}\r\n0\r\nA : b\r\n\r\n", b"2\r\n{}\r\n0\r\n: b\r\n\r\n",
                   b"2\r\n{}\r\n0\r\nA: b\n\r\n", b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 10_000 + b"\r\n", b"2\r\n{}\r\n0\r\n\n")],
    # who is meant
    ("no Host", b"GET /live HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", b"GET /live HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n", 400),
    ("the same Host twice", b"GET /live HTTP/1.1\r\n" + HOST * 2 + b"\r\n", 400),
    *[(f"Host {value!r}", b"GET /live HTTP/1.1\r\nHost: " + value + b"\r\n\r\n", 400)
      for value in (b"localhost evil.example", b"localhost,evil.example", b"localhost/evil.example", b"evil.example@localhost", b"localhost@evil.example",
                    b"localhost:evil.example", b"localhost:80:80", b"localhost:99999", b"localhost:-1", b"localhost:+1", b"[::1", b"::1", b"[::1]evil.example",
                    b"[::1]:x", b"[evil.example]", b"[127.0.0.1]", b"localhost#evil.example", b"localhost?evil", b"http://localhost", b"local\\host", b"%6cocalhost",
                    "ℓocalhost".encode(), b"\"localhost\"", b"localhost;a")],
    ("absolute, another name", b"GET http://evil.example/live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("absolute, another port", b"GET http://localhost:1/live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("absolute, with a user", b"GET http://localhost@evil.example/live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("absolute, no name", b"GET http:///live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("absolute, another scheme", b"GET ftp://localhost/live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("absolute, foreign, in 1.0", b"GET http://evil.example/live HTTP/1.0\r\n\r\n", 403),
    ("authority form", b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("authority form with GET", b"GET localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("* with GET", b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("*/live", b"GET */live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a fragment", get(b"/live#x"), 400),
    ("a backslash", get(b"\\live"), 400),
    # what language
    ("HTTP/0.9", b"GET /live\r\n\r\n", 400),
    ("no version, with fields", b"GET /live\r\n" + HOST + b"\r\n", 400),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HTTP/3.0", b"GET /live HTTP/3.0\r\n" + HOST + b"\r\n", 505),
    ("HTTP/1.10", b"GET /live HTTP/1.10\r\n" + HOST + b"\r\n", 400),
    ("http/1.1", b"GET /live http/1.1\r\n" + HOST + b"\r\n", 400),
    ("HTTP/1.1 and a space", b"GET /live HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    ("two spaces", b"GET  /live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a tab", b"GET\t/live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a space in the path", b"GET /li ve HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("no method", b" /live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400),
    # paths
    *[(f"path {path!r}", get(path), 400) for path in (b"/%00", b"/a%00b", b"/%", b"/%2", b"/%zz", b"/%u0041", b"/%-1", b"/\x01", b"/\x7f", b"/%0d%0aA:%20b", b"/%1b[31m", b"/%7f")],
    # expectations
    *[(f"Expect {value!r}", post(b"Content-Type: application/json\r\nContent-Length: 2\r\nExpect: " + value + b"\r\n", b"{}"), 417)
      for value in (b"200-ok", b"100-continue, cake", b"cake\r\nExpect: 100-continue", b"100-continue\r\nExpect: cake", b"")],
]


class Corpus(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("one"))

    def answers_to(self, request, end=True):
        with self.hostler.socket(b"") as client:
            try:
                client.sendall(request)
                if end:
                    client.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused before it was all said: the answer is what counts
            return all_of(client)

    def test_what_can_be_read_in_two_ways_is_refused(self):
        for what, request, status in REFUSED:
            with self.subTest(what):
                got, _ = self.answers_to(request + BEHIND)
                self.assertEqual(statuses(got), [status], got[:300])
                head, _, body = got.partition(b"\r\n\r\n")
                self.assertIn(b"connection: close", head.lower() + b"\r\n" if status != 403 else b"connection: close")
                self.assertTrue(json.loads(body)["error"]["message"])
        self.assertEqual(self.hostler.get("/live").status, 200)
        self.assertNotIn("A bug in", self.hostler.stderr())

    def test_a_tls_hello_is_refused(self):
        got, _ = self.answers_to(bytes.fromhex("16030100c8010000c40303") + bytes(range(200)))
        self.assertEqual(statuses(got), [400])

    def test_what_is_odd_but_clear_is_served(self):
        for what, request, status in [
            ("unknown fields", get(more=b"X-Any: thing\r\n" * 100), 200),
            ("upgrade to h2c", get(more=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), 200),
            ("upgrade to websocket", get(more=b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 200),
            ("GET with a body", get(more=b"Content-Length: 5\r\n") + b"hello", 200),
            ("absolute", b"GET http://LOCALHOST/live HTTP/1.1\r\n" + HOST + b"\r\n", 200),
            ("forbidden trailers", chunked(b"2\r\n{}\r\n0\r\nContent-Length: 50\r\nHost: evil.example\r\n\r\n"), 422),
            ("extensions", chunked(b"2;a=\"b;c\" ;d\r\n{}\r\n0;e\r\n\r\n"), 422),
            ("an expectation without a body", get(more=b"Expect: 100-continue\r\n"), 200),
            ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", None),
            ("an unknown method", b"BREW /live HTTP/1.1\r\n" + HOST + b"\r\n", 405),
            ("a path that leaves", get(b"/%2e%2e/%2e%2e/etc/passwd"), 404),
            ("a path escaped twice", get(b"/%252e%252e/live"), 404),
            ("a path that is no text", get(b"/%ff%fe"), 404),
            ("overlong", get(b"/%c0%ae%c0%ae/"), 404),
            ("two slashes", get(b"//live"), 404),
        ]:
            with self.subTest(what):
                got, _ = self.answers_to(request + get())
                self.assertEqual(len(statuses(got)), 2, got)  # the connection goes on: both sides agree where it ended
                self.assertEqual(statuses(got)[1], 200, got)
                if status:
                    self.assertEqual(statuses(got)[0], status, got)
                if status == 404:
                    length = int(re.search(rb"Content-Length: (\d+)", got)[1])
                    self.assertTrue(json.loads(got.partition(b"\r\n\r\n")[2][:length])["error"]["message"])

    def test_head_has_no_body_whatever_is_asked(self):
        for path in (b"/live", b"/models", b"/metrics", b"/nothing", b"/openapi.json"):
            got, _ = self.answers_to(b"HEAD " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc" + get(more=b"Connection: close\r\n"))
            self.assertEqual(len(statuses(got)), 2, got)
            head, _, rest = got.partition(b"\r\n\r\n")
            self.assertTrue(rest.startswith(b"HTTP/1.1 200"), got)

    def test_names_that_only_look_like_ours(self):
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8100", "0x7f.1", "127.1", "2130706433", "0177.0.0.1", "localhost.", "127.0.0.1.",
                     "localhost.localdomain", "127.0.0.1.nip.io", "xn--lcalhost-5ya", "host.docker.internal", "1.0.0.127.in-addr.arpa"):
            self.assert_error(self.hostler.get("/models", {"Host": host}), 403)
        for host in ("[::ffff:127.0.0.1]", "[::1]", "[::]:8100", "127.0.0.2", "localhost:", "LocalHost:65535"):
            self.assertEqual(self.hostler.get("/models", {"Host": host}).status, 200, host)

    def test_pages_of_others_change_nothing(self):
        form = {"Content-Type": "text/plain", "Origin": "https://evil.example"}
        for headers in (form, {**form, "Origin": "null"}, {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://localhost.evil.example"},
                        {"Content-Type": "multipart/form-data; boundary=x", "Origin": f"http://localhost:{self.hostler.port + 1}"},
                        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}):
            for path in ("/models/load", "/v1/audio/speech", "/v1/audio/transcriptions"):
                self.assert_error(self.hostler.post(path, b'{"model_id": "one"}', headers), 403)
        self.assert_error(self.hostler.post("/models/load", b'{"model_id": "one"}', {"Content-Type": "text/plain"}), 415)
        # No type at all counts as JSON; a page can send that too (a Blob without a type), and is told by its Origin.
        self.assert_error(self.hostler.post("/models/load", b'{"model_id": "one"}', {"Origin": "https://evil.example"}), 403)
        self.assertEqual(self.hostler.post("/models/load", b'{"model_id": "nobody"}').status, 404)
        form = self.hostler.post("/models/load", b'{"model_id": "one"}', {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertIn("curl", self.assert_error(form, 415)["remedy"])
        own = b"Content-Length: 0\r\nOrigin: http://localhost\r\nOrigin: https://evil.example\r\n"
        self.assertEqual(statuses(self.answers_to(post(own))[0]), [403])
        self.assertEqual(self.hostler.loaded(), [])


def raise_descriptors(count):
    """So many sockets at most may a flood have in this process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return count


class Flood(house.Test):
    """Whoever takes much gets little, and honest clients are served meanwhile."""

    def quiet(self, hostler, before):
        """Nothing of the flood is left."""
        house.eventually(lambda: sockets(hostler) <= before, "the sockets to be closed")
        self.assertNotIn("A bug in", hostler.stderr())

    def flood(self, hostler, count, said):
        clients = []
        for i in range(count):
            client = socket.create_connection(("127.0.0.1", hostler.port), house.LONG)
            if said:
                client.sendall(said[i % len(said)])
            clients.append(client)
        return clients

    def test_half_open_connections_make_room(self):
        hostler = self.start(fake("one", chunks=2), server__max_connections=200)
        self.assertEqual(hostler.speak("one").status, 200)
        regular = hostler.connection()
        regular.request("GET", "/live")
        regular.getresponse().read()
        before = sockets(hostler) + 4  # to the engine
        clients = self.flood(hostler, 600 * SCALE, [b"", b"G", b"GET /live HTTP/1.1\r\nHost: loc", b"\r\n"])

        def served():
            with hostler.socket(get(more=b"Connection: close\r\n")) as client:
                got, _ = all_of(client)
                return statuses(got) == [200]

        house.eventually(served, "an honest client to be served")  # a moment of grace is given to each newcomer
        for _ in range(50):
            house.eventually(served, "an honest client to be served")
        self.assertEqual(hostler.speak("one").status, 200)
        self.assertLess(sockets(hostler), before + 400)
        for client in clients:
            client.close()
        self.quiet(hostler, before)
        regular.close()

    def test_many_idle_connections_cost_little(self):
        count = raise_descriptors(20_000) - 100 if SCALE > 1 else min(2000, raise_descriptors(2100) - 100)
        hostler = self.start(fake("one"))
        hostler.get("/live")
        before, memory = sockets(hostler), resident_kb(hostler)
        count = min(count, 16_000)
        clients = self.flood(hostler, count, [get()])
        for client in clients:
            self.assertTrue(client.recv(1000))
        cost = (resident_kb(hostler) - memory) * 1024 / count
        for client in clients:
            client.close()
        self.quiet(hostler, before)
        print(f"{count} idle connections: {cost:.0f} bytes each; {memory} kB before, {resident_kb(hostler)} kB after", flush=True)
        if not house.SANITIZED:
            self.assertLess(cost, 16_000)
            house.eventually(lambda: resident_kb(hostler) < memory + 8000, "the memory to be given back")

    def test_answers_that_nobody_reads(self):
        hostler = self.start(fake("one"))
        hostler.get("/models")
        before, memory = sockets(hostler), resident_kb(hostler)
        client = hostler.socket(b"")
        client.settimeout(1)
        request = get(b"/openapi.json") * 100
        sent = 0
        try:
            while sent < 100_000 * SCALE:  # requests; the answers would be gigabytes
                client.sendall(request)
                sent += 100
        except TimeoutError:
            pass  # it reads no more before its answers are taken: this is the back pressure
        self.assertLess(sent, 100_000)
        grown = resident_kb(hostler) - memory
        print(f"pipelined: stopped after {sent} requests, {grown} kB more", flush=True)
        if not house.SANITIZED:
            self.assertLess(grown, 30_000)
        self.assertEqual(hostler.get("/live").status, 200)
        reset(client)
        self.quiet(hostler, before)

    def test_pipelined_requests_are_all_answered_and_starve_nobody(self):
        hostler = self.start(fake("one"))
        count = 20_000 * SCALE
        with hostler.socket(b"") as client:
            sender = house.Background(lambda: client.sendall(get() * count + get(more=b"Connection: close\r\n")))
            self.assertEqual(hostler.get("/live").status, 200)
            got, _ = all_of(client)
            sender.result()
        self.assertEqual(got.count(b"HTTP/1.1 200 OK"), count + 1)

    def test_a_gigabyte_of_head_is_cut_early(self):
        hostler = self.start(fake("one"))
        hostler.get("/live")
        before, memory = sockets(hostler), resident_kb(hostler)
        client = hostler.socket(b"GET /live HTTP/1.1\r\n" + HOST)
        sent = 0
        try:
            while sent < 1 << 30:
                sent += client.send(b"A: " + b"b" * 65000 + b"\r\n")
        except OSError:
            pass
        self.assertLess(sent, 64 << 20)
        got, _ = all_of(client)
        self.assertEqual(statuses(got), [431])  # it was said at once and waits to be read, whatever came after it
        client.close()
        if not house.SANITIZED:
            self.assertLess(resident_kb(hostler) - memory, 10_000)
        self.quiet(hostler, before)

    def test_bodies_that_are_too_large(self):
        hostler = self.start(fake("one"), server__max_upload_mb=1)
        hostler.get("/live")
        before, memory = sockets(hostler), resident_kb(hostler)
        json_type, form = b"Content-Type: application/json\r\n", b"Content-Type: multipart/form-data; boundary=x\r\n"
        start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for path, fields in ((b"/models/load", json_type), (b"/v1/audio/speech", json_type), (b"/v1/audio/transcriptions", form)):
            for length in (b"10737418240", b"4294967295", b"18446744073709551615"):
                with hostler.socket(post(fields + b"Content-Length: " + length + b"\r\n", path=path)) as client:
                    self.assertTrue(client.recv(1000).startswith(b"HTTP/1.1 413"))  # at once: nothing of it was sent
            with hostler.socket(post(fields + b"Transfer-Encoding: chunked\r\n", path=path)) as client:
                piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
                try:
                    if fields is form:
                        client.sendall(b"%x\r\n%s\r\n" % (len(start), start))
                    for _ in range(2000):  # 2 GB, if it were let
                        client.sendall(piece)
                    self.fail("all of it was taken")
                except OSError:
                    pass
                got, _ = all_of(client)
                self.assertEqual(statuses(got), [413])
        if not house.SANITIZED:
            self.assertLess(resident_kb(hostler) - memory, 50_000)
        self.quiet(hostler, before)

    def test_an_early_answer_reaches_who_is_still_sending(self):
        hostler = self.start(fake("one"))
        for path, fields in ((b"/nothing", b""), (b"/live", b""), (b"/models/load", b"Origin: https://evil.example\r\n"), (b"/models/load", b"Content-Type: application/json\r\n")):
            with hostler.socket(post(fields + b"Content-Length: 12000000\r\n", path=path)) as client:
                client.sendall(b" " * 12_000_000)  # all of it, before the answer is looked at
                client.shutdown(socket.SHUT_WR)
                got, was_reset = all_of(client)
                self.assertFalse(was_reset)
                self.assertEqual(len(statuses(got)), 1)
                self.assertGreaterEqual(statuses(got)[0], 400)

    def test_without_descriptors_it_goes_on(self):
        hostler = self.start(fake("one", chunks=2))
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        regular = hostler.connection()

        def ask():
            regular.request("GET", "/live")
            response = regular.getresponse()
            return response.status, response.read()

        self.assertEqual(ask()[0], 200)
        before = sockets(hostler)
        resource.prlimit(hostler.pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{hostler.pid}/fd")) + 20, hard))
        clients = self.flood(hostler, 100, [b""])
        house.eventually(lambda: "out of descriptors" in hostler.stderr(), "it to tell that there are none")
        for _ in range(10):
            self.assertEqual(ask()[0], 200)
        for client in clients:
            client.close()
        house.eventually(lambda: sockets(hostler) <= before, "the sockets to be closed")
        self.assertEqual(hostler.get("/live").status, 200)
        self.assertEqual(hostler.speak("one").status, 200)
        self.assertEqual(ask()[0], 200)
        regular.close()


class Resets(house.Test):
    """Connections that break at every byte of a request and at every point of an answer."""

    def settled(self, hostler, before):
        """No lease, no work in the engine, no connection is left; and it serves."""
        house.eventually(lambda: all(hostler.model(m)["leases"] == 0 and hostler.model(m)["waiting"] == 0 for m in ("one", "ear")), "the leases to come back")
        self.assertEqual(hostler.speak("one").status, 200)  # the engine works on one request at a time
        house.eventually(lambda: sockets(hostler) <= before, "the sockets to be closed")
        self.assertNotIn("A bug in", hostler.stderr())

    def test_at_every_byte_of_a_request(self):
        hostler = self.start(fake("one", chunks=3), fake("ear", type="stt"))
        wav = hostler.speak("one", response_format="wav").body
        hostler.transcribe(wav, model="ear")
        before = sockets(hostler) + 4  # to the engines
        kind, form = house.multipart({"model": "ear", "file": ("a.wav", wav[:400])})
        json_body = b'{"model": "one", "input": "hello", "response_format": "pcm"}'
        chunks = b"".join(b"%x;e\r\n%s\r\n" % (len(json_body[i : i + 7]), json_body[i : i + 7]) for i in range(0, len(json_body), 7)) + b"0\r\nA: b\r\n\r\n"
        requests = [
            get(),
            get(b"/events?topics=state"),
            speech(),
            post(b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", chunks, b"/v1/audio/speech"),
            post(b"Content-Type: %s\r\nContent-Length: %d\r\n" % (kind.encode(), len(form)), form, b"/v1/audio/transcriptions"),
        ]
        done = 0
        for request in requests:
            for size in range(len(request) + 1):
                reset(hostler.socket(request[:size]))
                done += 1
        print(f"{done} requests were reset", flush=True)
        self.settled(hostler, before)

    def test_at_points_of_an_answer(self):
        hostler = self.start(fake("one", chunks=50, chunk_ms=2), fake("ear", type="stt"))
        wav = hostler.speak("one", response_format="wav").body[:30_000]
        hostler.transcribe(wav, model="ear")
        before = sockets(hostler) + 4  # to the engines
        kind, form = house.multipart({"model": "ear", "file": ("a.wav", wav)})
        transcription = post(b"Content-Type: %s\r\nContent-Length: %d\r\n" % (kind.encode(), len(form)), form, b"/v1/audio/transcriptions")
        done = 0
        for request, points in (
            (get(), range(0, 80, 5)),
            (get(b"/openapi.json"), (0, 1, 100, 10_000)),
            (get(b"/events"), (0, 1, 50)),
            (speech(), (0, 1, 50, 200, 5_000, 20_000, 100_000)),
            (speech(response_format="mp3"), (0, 1, 200, 2_000)),
            (transcription, (0, 1, 50)),
        ):
            for point in points:
                client = hostler.socket(request)
                got = 0
                while got < point and (piece := client.recv(min(4096, point - got))):
                    got += len(piece)
                reset(client)
                done += 1
        print(f"{done} answers were reset", flush=True)
        self.settled(hostler, before)

    def test_at_every_byte_of_an_answer(self):
        hostler = self.start(fake("one", chunks=3, chunk_samples=40), fake("ear", type="stt"))
        hostler.transcribe(hostler.speak("one", response_format="wav").body, model="ear")
        before = sockets(hostler) + 4  # to the engines
        done = 0
        for request in (get(), speech(), get(b"/models/nobody")):  # plain, chunked, an error
            request = request.replace(HOST, HOST + b"Connection: close\r\n")
            with hostler.socket(request) as client:
                whole, _ = all_of(client)
            for point in range(len(whole)):
                client = hostler.socket(request)
                got = 0
                while got < point and (piece := client.recv(point - got)):
                    got += len(piece)
                reset(client)
                done += 1
        print(f"{done} answers were reset", flush=True)
        self.settled(hostler, before)

    def test_a_window_that_stays_shut_holds_up_the_engine_only(self):
        hostler = self.start(fake("one", chunks=4000, chunk_samples=16000, parallel=8), fake("ear", type="stt"))
        hostler.get("/live")
        before = sockets(hostler)
        memory = resident_kb(hostler)
        clients = []
        for _ in range(8):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", hostler.port))
            client.sendall(speech())
            clients.append(client)
        for client in clients:
            self.assertTrue(client.recv(1))
        self.assertEqual(hostler.model("one")["leases"], 8)  # 128 MB each: they wait for their readers
        self.assertEqual(hostler.get("/live").status, 200)
        if not house.SANITIZED:
            self.assertLess(resident_kb(hostler) - memory, 40_000)
        for client in clients:
            reset(client)
        house.eventually(lambda: hostler.model("one")["leases"] == 0, "the leases to come back")
        house.eventually(lambda: sockets(hostler) <= before + 10, "the sockets to be closed")

    @unittest.skipUnless(SCALE > 1, "takes a minute")
    def test_a_window_that_stays_shut_is_cut_after_a_minute(self):
        hostler = self.start(fake("one", chunks=4000, chunk_samples=16000))
        client = hostler.socket(speech())
        self.assertTrue(client.recv(1))
        begin = time.monotonic()
        house.eventually(lambda: hostler.model("one")["leases"] == 0, "the lease to come back", timeout=200)
        print(f"cut after {time.monotonic() - begin:.0f} s", flush=True)
        reset(client)

    @unittest.skipUnless(SCALE > 1, "takes two minutes")
    def test_heads_and_bodies_that_trickle_are_cut(self):
        hostler = self.start(fake("one"))
        for request in (get(b"/" + b"a" * 15000), post(b"Content-Type: application/json\r\nContent-Length: 1000000\r\n", b" " * 1_000_000)):
            head = request.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.startswith(b"POST") else b""
            client = hostler.socket(head)
            begin, sent, gone = time.monotonic(), len(head), threading.Event()
            client.settimeout(0.2)
            got = b""
            while not gone.is_set() and time.monotonic() - begin < 200:
                try:
                    client.send(request[sent : sent + 1])
                    sent += 1
                    if not (piece := client.recv(1000)):
                        gone.set()
                    got += piece
                except TimeoutError:
                    pass
                except OSError:
                    gone.set()
            print(f"cut after {time.monotonic() - begin:.0f} s and {sent} bytes: {got[:40]!r}", flush=True)
            self.assertTrue(gone.is_set())
            client.close()


if __name__ == "__main__":
    house.main()
