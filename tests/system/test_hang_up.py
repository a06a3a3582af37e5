#!/usr/bin/python3
"""Clients that leave: the engine stops at once, nothing stays busy for nobody, the next one is served."""

import datetime
import json
import time

import house
from house import fake


def request(model, text="hello"):
    body = json.dumps({"model": model, "input": text, "response_format": "pcm"}).encode()
    return b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def seconds(timestamp):
    """A time stamp of the log as seconds since the epoch."""
    return datetime.datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S,%f").timestamp()


class HangUp(house.Test):
    def assert_free(self, hostler, model):
        """Nobody uses it, and it serves the next."""
        house.eventually(lambda: hostler.model(model)["leases"] == 0, "the lease to come back")
        self.assertEqual(hostler.model(model)["waiting"], 0)
        self.assertEqual(hostler.speak(model).status, 200)

    def test_in_the_middle_of_a_stream(self):
        hostler = self.start(fake("one", chunks=3000, chunk_ms=10, parallel=1), fake("short"))
        with hostler.events("/events") as events:
            client = hostler.socket(request("one"))
            self.assertTrue(client.recv(1000))
            self.assertEqual(hostler.model("one")["leases"], 1)
            hung_up = time.time()
            client.close()
            _, _, line = events.until_log("fake one request 1 cancelled")
        took = seconds(line["timestamp"]) - hung_up
        print(f"cancelled {1000 * took:.0f} ms after the hang-up", flush=True)
        self.assertLess(took, house.PATIENCE)
        house.eventually(lambda: hostler.model("one")["leases"] == 0, "the lease to come back")
        # The engine works on one request at a time: it takes the next one only if it is free.
        client = hostler.socket(request("one"))
        self.assertTrue(client.recv(1000).startswith(b"HTTP/1.1 200"))
        client.close()
        house.eventually(lambda: hostler.model("one")["leases"] == 0, "the lease to come back")

    def test_before_the_first_byte(self):
        hostler = self.start(fake("one", stall_at_chunk=0))
        with hostler.events("/events") as events:
            client = hostler.socket(request("one"))
            events.until_log("stalls at chunk 0")
            client.close()
            house.eventually(lambda: hostler.model("one")["leases"] == 0, "the lease to come back")
        self.assertEqual(hostler.model("one")["state"], "loaded")

    def test_while_the_model_loads(self):
        hostler = self.start(fake("one", load_ms=500, chunks=2))
        with hostler.events() as events:
            client = hostler.socket(request("one"))
            events.until_state("one", "loading")
            client.close()
            events.until_state("one", "loaded")  # the load was paid for; the next one has it
        self.assert_free(hostler, "one")
        house.eventually(lambda: hostler.logs(q="fake one request 1 ends"), "the engine's line: it comes through a pipe")
        self.assertEqual(hostler.logs(q="fake one request 2"), [])  # nobody asked for the one that left

    def test_while_it_waits_for_room(self):
        hostler = self.start(fake("busy", chunks=20, chunk_ms=50), fake("one"), models__max_loaded=1)
        busy, response = hostler.open("POST", "/v1/audio/speech", {"model": "busy", "input": "x", "response_format": "pcm"})
        self.assertTrue(response.read1(1))
        with hostler.events() as events:
            client = hostler.socket(request("one"))
            events.until_state("busy", "unloading")
            house.eventually(lambda: hostler.model("one")["waiting"] == 1, "the request to wait")
            client.close()
            self.assertEqual(len(response.read()) + 1, 20 * 4800)  # who has a lease keeps it
            events.until_state("busy", "unloaded")
        busy.close()
        self.assert_free(hostler, "one")

    def test_while_it_waits_for_the_engine(self):
        hostler = self.start(fake("one", chunks=20, chunk_ms=30, parallel=1))
        first, response = hostler.open("POST", "/v1/audio/speech", {"model": "one", "input": "x", "response_format": "pcm"})
        self.assertTrue(response.read1(1))
        client = hostler.socket(request("one"))
        house.eventually(lambda: hostler.model("one")["leases"] == 2, "the second request to be there")
        client.close()
        house.eventually(lambda: hostler.model("one")["leases"] == 1, "the second request to go")
        self.assertEqual(len(response.read()) + 1, 20 * 4800)
        first.close()
        self.assert_free(hostler, "one")

    def test_during_a_transcription(self):
        hostler = self.start(fake("ear", type="stt", stall_at_chunk=0), fake("voice"))
        wav = hostler.post("/v1/audio/speech", {"model": "voice", "input": "hello", "response_format": "wav"}).body
        content_type, body = house.multipart({"file": ("a.wav", wav), "model": "ear"})
        head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x.localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        with hostler.events("/events") as events:
            client = hostler.socket(head.encode() + body)
            events.until_log("stalls at chunk 0")
            client.close()
            house.eventually(lambda: hostler.model("ear")["leases"] == 0, "the lease to come back")

    def test_a_slow_reader_slows_its_own_stream_only(self):
        hostler = self.start(fake("one", chunks=2000, chunk_samples=16000, parallel=2), fake("other"))
        slow = hostler.socket(request("one"))
        self.assertTrue(slow.recv(10))
        self.assertEqual(hostler.speak("other").status, 200)
        self.assertEqual(hostler.model("one")["leases"], 1)  # 64 MB do not fit in between: the engine waits for this reader
        slow.close()
        house.eventually(lambda: hostler.model("one")["leases"] == 0, "the lease to come back")


if __name__ == "__main__":
    house.main()
