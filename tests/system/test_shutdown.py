#!/usr/bin/python3
"""SIGTERM: what runs is finished, what is new is refused, streams that never end are ended, the status is 0."""

import signal
import socket

import house
from house import fake


def is_closed(hostler):
    try:
        socket.create_connection(("127.0.0.1", hostler.port), house.LONG).close()
        return False
    except OSError:
        return True


class Shutdown(house.Test):
    def test_a_running_stream_ends_whole_and_new_connections_are_refused(self):
        hostler = self.start(fake("one", chunks=20, chunk_ms=50))
        connection, response = hostler.open("POST", "/v1/audio/speech", {"model": "one", "input": "x", "response_format": "pcm"})
        self.assertTrue(response.read1(1))
        hostler.terminate()
        house.eventually(lambda: is_closed(hostler), "new connections to be refused")
        self.assertEqual(len(response.read()) + 1, 20 * 4800)
        connection.close()
        self.assertEqual(hostler.wait(), 0)

    def test_event_streams_end_cleanly(self):
        hostler = self.start()
        streams = [hostler.events(path) for path in ("/events", "/events?topics=state", "/logs/stream", "/logs/stream?q=nothing-says-this")]
        hostler.terminate()
        for stream in streams:
            while stream.next() is not None:
                pass  # a cut stream would raise
            stream.close()
        self.assertEqual(hostler.wait(), 0)

    def test_a_request_that_waits_for_a_load_is_told(self):
        hostler = self.start(fake("one", load_ms=3000))
        with hostler.events() as events:
            waiting = house.Background(lambda: hostler.speak("one"))
            events.until_state("one", "loading")
            hostler.terminate()
            answer = waiting.result()
        if answer.status != 200:  # either is right: it was already being loaded
            self.assert_error(answer, 503)
        self.assertEqual(hostler.wait(), 0)

    def test_an_interrupt_is_as_good(self):
        hostler = self.start(fake("one"))
        self.assertEqual(hostler.speak("one").status, 200)
        hostler.process.send_signal(signal.SIGINT)
        self.assertEqual(hostler.wait(), 0)

    def test_idle_connections_do_not_hold_it(self):
        hostler = self.start()
        kept = [hostler.connection() for _ in range(5)]
        for connection in kept:
            connection.request("GET", "/live")
            self.assertEqual(connection.getresponse().read(), b'{"status":"ok"}')
        fresh = hostler.socket(b"")
        hostler.terminate()
        self.assertEqual(hostler.wait(), 0)
        for connection in kept:
            connection.close()
        fresh.close()

    def test_half_a_request_holds_it_for_a_while_at_most(self):
        hostler = self.start()
        half = hostler.socket(b"GET /live HTTP/1.1\r\nHo")
        hostler.terminate()
        self.assertEqual(hostler.wait(), 0)
        half.close()

    def test_a_second_signal_leaves_at_once_and_leaves_nothing(self):
        hostler = self.new(fake("one", stall_at_chunk=1, chunks=3)).start()
        connection, response = hostler.open("POST", "/v1/audio/speech", {"model": "one", "input": "x", "response_format": "pcm"})
        self.assertTrue(response.read1(1))
        hostler.terminate()
        house.eventually(lambda: is_closed(hostler), "new connections to be refused")
        hostler.terminate()
        self.assertEqual(hostler.wait(), 130)
        self.assert_cut(response)
        connection.close()
        house.eventually(lambda: not house.processes_of(hostler.home), "the engines to end with the daemon")


if __name__ == "__main__":
    house.main()
