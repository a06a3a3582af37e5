#!/usr/bin/python3
"""Bytes from somebody who means harm: every request has one reading or none, nobody keeps what belongs to all, and whoever
is honest is served meanwhile.

HOSTLER_HOSTILE_SCALE multiplies the floods (1): ten is a good number for a longer run.
"""

import json
import os
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


def descriptors(hostler):
    return len(os.listdir(f"/proc/{hostler.pid}/fd"))


def resident_kb(hostler):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{hostler.pid}/status").read())[1])


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
        own = b"Content-Length: 0\r\nOrigin: http://localhost\r\nOrigin: https://evil.example\r\n"
        self.assertEqual(statuses(self.answers_to(post(own))[0]), [403])
        self.assertEqual(self.hostler.loaded(), [])


if __name__ == "__main__":
    house.main()
