"""What goes to hostler over HTTP and what comes back: whole answers, server-sent events, forms."""

import json
import os
import re
import time

PATIENCE = float(os.environ.get("HOSTLER_TEST_PATIENCE", "1"))
LONG = 30 * PATIENCE  # seconds until a test gives up on something that should have happened long ago


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


class Events:
    """Server-sent events of one answer, in order."""

    def __init__(self, connection, response):
        self.connection = connection
        self.response = response
        self.seen = []

    def next(self):
        """(event, id, data), or None at a clean end. A cut stream raises http.client.IncompleteRead."""
        event, event_id, data = "message", None, []
        give_up = time.monotonic() + LONG
        while True:
            if time.monotonic() > give_up:  # heartbeats keep the socket's own time-out from striking
                raise AssertionError(f"no event came; the last were {self.seen[-20:]}")
            line = self.response.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line:
                if data:
                    self.seen.append((event, event_id, json.loads("\n".join(data))))
                    return self.seen[-1]
                event, event_id = "message", None
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                event = value
            elif field == "id":
                event_id = value
            elif field == "data":
                data.append(value)

    def until(self, wanted):
        """The first event for which wanted(event, data) holds."""
        while (found := self.next()) is not None:
            if wanted(found[0], found[2]):
                return found
        raise AssertionError(f"the event stream ended without what was waited for; it had {self.seen}")

    def until_state(self, model, *states):
        return self.until(lambda event, data: event == "state" and data["model"] == model and data["state"] in states)

    def until_log(self, pattern):
        return self.until(lambda event, data: event in ("log", "message") and re.search(pattern, data["message"]))

    def close(self):
        self.response.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def multipart(fields):
    """(content type, body). A field is text, a list of texts, or (file name, bytes)."""
    boundary = "a-boundary-of-the-tests"
    body = b""
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            file_name, data = item if isinstance(item, tuple) else (None, str(item).encode())
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
            body += f'; filename="{file_name}"\r\nContent-Type: application/octet-stream'.encode() if file_name else b""
            body += b"\r\n\r\n" + data + b"\r\n"
    return "multipart/form-data; boundary=" + boundary, body + f"--{boundary}--\r\n".encode()
