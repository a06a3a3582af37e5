#!/usr/bin/python3
"""Logs and events: merged, filtered, resumable, honest about what was lost."""

import pathlib
import re
import selectors
import socket

import house
from house import fake


class Logs(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("one"), fake("two"), fake("stalls", stall_at_chunk=0))
        cls.hostler.speak("one")

    def test_the_lines_of_engines_are_merged_with_their_source(self):
        with self.hostler.events("/events?topics=log") as events:
            self.hostler.speak("two")
            _, _, line = events.until_log("fake two request 1 ends")
        self.assertEqual((line["source"], line["level"]), ("two", "INFO"))
        self.assertRegex(line["timestamp"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}$")
        ids = [line["id"] for line in self.hostler.logs()]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertIn("hostler", {line["source"] for line in self.hostler.logs()})

    def test_filters(self):
        self.assertEqual({line["source"] for line in self.hostler.logs(source="one")}, {"one"})
        self.assertTrue(all("LISTENS" in line["message"].upper() for line in self.hostler.logs(q="LISTENS")))
        self.assertEqual(len(self.hostler.logs(limit=2)), 2)
        last = self.hostler.logs()[-1]["id"]
        self.assertGreaterEqual(self.hostler.logs(limit=1)[0]["id"], last)  # an engine's line may come in between
        self.assertEqual([line for line in self.hostler.logs(level="WARNING") if line["level"] in ("DEBUG", "INFO")], [])
        self.assert_error(self.hostler.get("/logs?level=loud"), 400, param="level")
        for limit in ("0", "-1", "many", "1e3", ""):
            self.assert_error(self.hostler.get("/logs?limit=" + limit), 400, param="limit")

    def test_a_stream_begins_now_and_continues_where_it_was_left(self):
        with self.hostler.events("/logs/stream?source=one") as stream:
            self.hostler.speak("one")
            first = stream.next()
            self.assertEqual(first[2]["source"], "one")
            self.assertEqual(int(first[1]), first[2]["id"])
        self.hostler.speak("one")
        with self.hostler.events("/logs/stream?source=one", {"Last-Event-ID": first[1]}) as stream:
            later = [stream.next() for _ in range(3)]
        self.assertEqual([line["id"] for line in self.hostler.logs(source="one") if line["id"] > first[2]["id"]][:3], [event[2]["id"] for event in later])
        with self.hostler.events("/logs/stream?source=one&after=" + first[1]) as stream:
            self.assertEqual(stream.next(), later[0])

    def test_a_position_that_is_none(self):
        for position in ("x", "-1", "log:", "99999999999999999999999"):
            self.assert_error(self.hostler.get("/logs/stream", {"Last-Event-ID": position}), 400, param="Last-Event-ID")

    def test_topics(self):
        with self.hostler.events("/events?topics=state") as states, self.hostler.events("/events?topics=log,state") as both:
            self.hostler.unload("two")
            self.hostler.load("two")
            states.until_state("two", "loaded")
            both.until_state("two", "loaded")
        self.assertEqual([data["state"] for event, _, data in states.seen if data["model"] == "two"][-4:], ["unloading", "unloaded", "loading", "loaded"])
        self.assertEqual({event for event, _, _ in states.seen}, {"state"})
        self.assertEqual({event for event, _, _ in both.seen}, {"state", "log"})
        self.assert_error(self.hostler.get("/events?topics=weather"), 400, param="topics")

    def test_events_continue_where_they_were_left(self):
        self.hostler.load("two")
        with self.hostler.events("/events") as events:
            self.hostler.unload("two")
            _, position, _ = events.until_state("two", "unloaded")
        self.hostler.load("two")
        with self.hostler.events("/events", {"Last-Event-ID": position}) as events:
            events.until_state("two", "loaded")
        self.assertEqual([data["state"] for event, _, data in events.seen if event == "state"], ["loading", "loaded"])


def follow(hostler, room=None):
    """A socket on which the log comes."""
    raw = socket.socket()
    if room:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    raw.settimeout(house.LONG)
    raw.connect(("127.0.0.1", hostler.port))
    raw.sendall(b"GET /logs/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head = b""
    while b": hostler" not in head:  # from here on it misses nothing
        head += raw.recv(1)
    raw.setblocking(False)
    return raw


class Follower:
    """Reads ids only: fast enough for hundreds."""

    def __init__(self, raw):
        self.socket, self.last, self.untold, self.rest = raw, 0, 0, b""

    def read(self):
        try:
            while piece := self.socket.recv(1 << 20):
                *lines, self.rest = (self.rest + piece).split(b"\n")
                for line in lines:
                    self.line(line)
            raise AssertionError("a stream ended")
        except BlockingIOError:
            pass

    def line(self, line):
        if line.startswith(b"id: "):
            number = int(line[4:])
            self.untold += bool(self.last) and number != self.last + 1
            self.last = number
        elif line.startswith(b'data: {"topic":"log","count":'):
            self.last += int(line.split(b":")[-1].rstrip(b"}\r"))


def read_all(ready):
    for key, _ in ready.select(0.1):
        key.data.read()


def resident(pid):
    """KB"""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


class Flood(house.Test):
    def test_a_reader_that_falls_behind_is_told_how_many_lines_it_lost(self):
        hostler = self.start(fake("loud", babble_log=6000))
        hostler.load("loud")
        for _ in range(3):
            self.assertEqual(hostler.speak("loud").status, 200)
        house.eventually(lambda: hostler.logs(q="request 3 ends"), "the last line")
        newest = hostler.logs(limit=1)[0]["id"]
        self.assertGreater(newest, 10_000)
        oldest = hostler.logs()[0]["id"]
        self.assertGreater(oldest, 1)
        self.assertLessEqual(newest - oldest, 10_000)
        with hostler.events("/logs/stream", {"Last-Event-ID": "1"}) as stream:
            event, _, lost = stream.next()
            self.assertEqual((event, lost["topic"]), ("lost", "log"))
            first = stream.next()[2]["id"]
        self.assertEqual(lost["count"], first - 2)

    def test_a_slow_reader_is_told_too_and_holds_up_nobody(self):
        hostler = self.start(fake("loud", babble_log=6000))
        hostler.load("loud")
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(house.LONG)
        reader.connect(("127.0.0.1", hostler.port))
        reader.sendall(b"GET /logs/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(reader.recv(20))
        for _ in range(8):
            self.assertEqual(hostler.speak("loud").status, 200)
        house.eventually(lambda: hostler.logs(q="request 8 ends"), "the last line")
        got = b""
        while not (lost := re.search(rb'event: lost\ndata: {"topic":"log","count":(\d+)}\n\n', got)):
            piece = reader.recv(1 << 20)
            self.assertTrue(piece, "the stream ended without a word about what was lost")
            got += piece
        self.assertGreater(int(lost[1]), 0)
        reader.close()

    def test_two_hundred_followers_and_one_that_does_not_read(self):
        """Nobody misses a line without being told; who does not read slows nobody down and does not make the daemon grow."""
        hostler = self.start(fake("loud", babble_log=500))
        hostler.load("loud")
        idle = follow(hostler, 4096)
        followers = [Follower(follow(hostler)) for _ in range(200)]
        with selectors.DefaultSelector() as ready:
            for follower in followers:
                ready.register(follower.socket, selectors.EVENT_READ, follower)
            grown = []
            for turn in range(1, 7):
                self.assertEqual(hostler.speak("loud").status, 200)
                last = house.eventually(lambda turn=turn: hostler.logs(q=f"loud request {turn} ends"), "the last line")[0]["id"]
                house.eventually(lambda last=last: read_all(ready) or all(follower.last >= last for follower in followers), "every follower to read on")
                grown.append(resident(hostler.pid))
        newest = hostler.logs(limit=1)[0]["id"]
        self.assertGreater(newest, 3000)
        self.assertEqual([follower.untold for follower in followers], [0] * 200)
        if not house.SANITIZED:
            self.assertLess(max(grown) - grown[1], 8 << 10, f"KB resident after each turn: {grown}")  # 500 lines and their texts are some 200 KB
        # The one that slept has the beginning, and goes on from there.
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # through a window of 2 KB the kernel may need half a minute
        sleeper = Follower(idle)
        house.eventually(lambda: sleeper.read() or sleeper.last >= newest, "the one that did not read to read on")
        self.assertEqual(sleeper.untold, 0)
        for follower in [*followers, sleeper]:
            follower.socket.close()

    def test_clear_forgets_and_goes_on(self):
        hostler = self.start(fake("one"))
        hostler.load("one")
        before = hostler.logs()[-1]["id"]
        with hostler.events("/logs/stream") as stream:
            self.assertEqual(hostler.post("/logs/clear").json, {"status": "cleared"})
            self.assertEqual([line for line in hostler.logs() if line["id"] <= before], [])
            hostler.speak("one")
            self.assertGreater(stream.until_log("request 1 starts")[2]["id"], before)  # ids never repeat
        self.assertEqual([event for event, _, _ in stream.seen if event == "lost"], [])

    def test_the_level_reaches_engines(self):
        hostler = self.start(fake("one"), log__level="WARNING")
        hostler.speak("one")
        self.assertEqual(hostler.logs(), [])
        self.assertEqual(hostler.stderr(), "")


if __name__ == "__main__":
    house.main()
