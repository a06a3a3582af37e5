"""A Hugging Face hub for tests: repositories in memory, two origins (hub and "CDN"), signed addresses that expire, and faults on demand.

    hub = fake_hub.FakeHub(tokens={"hf_good"})
    repo = hub.repo("org/tiny")
    repo.add("config.json", b"{}")
    repo.add("model.bin", fake_hub.Pattern(1_000_000_000))      # streamed, never in memory; large files are LFS
    hub.fault("cdn", path="model.bin", reset_after=100_000)     # the next answer breaks after 100,000 bytes
    … HF_ENDPOINT=hub.url …
    assert not [r for r in hub.requests if r.origin == "cdn" and "authorization" in r.headers]
    hub.close()

    python3 tests/system/fake_hub.py --port 8888                # by itself, with org/tiny, org/plain, org/large, org/gated;
                                                                # GET /fake/requests tells what was asked, DELETE forgets it

Faults (FakeHub.fault) match a place — "info", "tree", "resolve" (the hub's first answer for a file), "cache" (the relative redirect's
target), "cdn", or "any" — and perhaps a repository, a path and a method; the first that matches is used, `times` times (None: for ever).
What it does:

    status=503, code="GatedRepo", message="…", headers={…}     an answer of that kind, with X-Error-Code and X-Error-Message
    body=b"…"                                                   instead of the right JSON or text (garbage, hostile listings)
    endless=True                                                a listing's page always names another one
    set={"X-Repo-Commit": "../../x"}                            fields replaced in an otherwise right answer; None takes one away
    rate=50_000                                                 bytes per second
    stall_after=N, reset_after=N, truncate_after=N              of the body: falls silent, RST, a clean end; 0: right after the head
    hang=True                                                   no answer at all, until the hub is closed
    wrong=True                                                  other content of the same length
    grow=N                                                      N bytes more (or less) than there should be, with a true length
    ignore_range=True, shift_range=N                            200 with everything; another range than asked for
"""

import argparse
import hashlib
import hmac
import http.server
import json
import re
import socket
import struct
import threading
import time
import urllib.parse

BLOCK = 1 << 16
_BASE = b"".join(hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(BLOCK // 32))
PREFIX = {"model": "", "dataset": "datasets/", "space": "spaces/", "kernel": "kernels/"}


class Request:
    """What came in, in order of arrival; `status` is 0 until it is answered."""

    def __init__(self, origin, method, path, query, headers):
        self.origin, self.method, self.path, self.query, self.headers = origin, method, path, query, headers
        self.range = headers.get("range")
        self.status = 0

    def __repr__(self):
        return f"<{self.origin} {self.method} {self.path} {self.range or ''} -> {self.status}>"



class Bytes:
    """Content that is in memory."""

    def __init__(self, data):
        self.data, self.size = data, len(data)

    def read(self, start, end):
        yield self.data[start:end]


class Pattern:
    """Content of any size from a formula: block i of 64 KiB begins with i and `seed`."""

    def __init__(self, size, seed=0):
        self.size, self.seed = size, seed

    def read(self, start, end):
        while start < end:
            index, offset = divmod(start, BLOCK)
            block = struct.pack(">QQ", index, self.seed) + _BASE[16:]
            piece = block[offset:offset + end - start]
            yield piece
            start += len(piece)


class File:
    def __init__(self, path, content, lfs):
        self.path, self.content, self.size, self.lfs = path, content, content.size, lfs
        sha1, sha256 = hashlib.sha1(b"blob %d\0" % self.size), hashlib.sha256()
        for piece in content.read(0, self.size):
            sha256.update(piece)
            if not lfs:
                sha1.update(piece)
        self.sha256 = sha256.hexdigest()
        if lfs:
            self.pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()
            sha1 = hashlib.sha1(b"blob %d\0" % len(self.pointer) + self.pointer)
        self.blob_id = sha1.hexdigest()
        self.etag = self.sha256 if lfs else self.blob_id


class Repo:
    def __init__(self, hub, id, kind, private, gated):
        self.hub, self.id, self.kind, self.private, self.gated = hub, id, kind, private, gated
        self.disabled = False
        self.allowed = set()  # tokens that were granted access to a gated repository
        self.masked = False   # hashes in the listing are hidden from who has no access
        self.files = {}
        self.commits = {}     # hash -> {path: File}
        self.refs = {}

    def add(self, path, content, lfs=None):
        """A file, and with it a new commit of main. Returns the File."""
        content = Bytes(content) if isinstance(content, (bytes, bytearray)) else content
        large = lfs if lfs is not None else content.size > 1 << 20 or path.endswith((".bin", ".safetensors", ".gguf", ".onnx"))
        file = File(path, content, large)
        self.files[path] = file
        self.commit()
        return file

    def remove(self, path):
        del self.files[path]
        self.commit()

    def commit(self, branch="main"):
        text = "".join(f"{path}\0{file.blob_id}\n" for path, file in sorted(self.files.items()))
        commit = hashlib.sha1(f"{self.id}\n{len(self.commits)}\n{text}".encode()).hexdigest()
        self.commits[commit] = dict(self.files)
        self.refs[branch] = commit
        return commit

    @property
    def head(self):
        return self.refs["main"]

    def find(self, revision):
        return revision if revision in self.commits else self.refs.get(revision)


class Fault:
    def __init__(self, place, repo, path, method, times, skip, does):
        self.place, self.repo, self.path, self.method, self.times, self.skip, self.does = place, repo, path, method, times, skip, does
        self.used = 0

    def matches(self, place, repo, path, method):
        return (self.place in ("any", place) and self.repo in (None, repo) and self.path in (None, path) and
                self.method in (None, method))


class Refused(Exception):
    def __init__(self, status, code="", message="", headers=None):
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


class FakeHub:
    def __init__(self, tokens=(), port=0, cdn_port=0, page_size=1000, signed_for=3600, relative=True):
        self.tokens, self.page_size, self.signed_for, self.relative = set(tokens), page_size, signed_for, relative
        self.repos, self.renamed = {}, {}
        self.requests, self.faults = [], []
        self.open_now = self.most_open = 0  # file bodies under way
        self.bytes_sent = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.secret = b"signs addresses"
        self.servers = []
        for origin, wanted in (("hub", port), ("cdn", cdn_port)):
            server = _Server(("127.0.0.1", wanted), _Handler)
            server.hub, server.origin = self, origin
            self.servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name=origin).start()
        self.url, self.cdn_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in self.servers)

    def repo(self, id, kind="model", private=False, gated=False):
        repo = Repo(self, id, kind, private, gated)
        self.repos[kind, id] = repo
        return repo

    def rename(self, old, new, kind="model"):
        repo = self.repos.pop((kind, old))
        repo.id = new
        self.repos[kind, new] = repo
        self.renamed[kind, old] = new

    def fault(self, place, path=None, method=None, times=1, skip=0, repo=None, **does):
        """The next `times` matching requests (after `skip` that are left alone) go wrong. Returns the Fault; .used counts."""
        fault = Fault(place, repo, path, method, times, skip, does)
        with self.lock:
            self.faults.append(fault)
        return fault

    def heal(self):
        with self.lock:
            self.faults.clear()

    def expire(self):
        """Every address that was signed so far is no longer good."""
        self.secret += b"+"

    def count(self, origin=None, path=None, method=None):
        with self.lock:
            return sum((origin in (None, r.origin)) and (path in (None, r.path) or (path or "\0") in r.path) and method in (None, r.method)
                       for r in self.requests)

    def leaked(self):
        """Requests that carried a token to another origin than the hub's."""
        with self.lock:
            return [r for r in self.requests if r.origin != "hub" and "authorization" in r.headers]

    def sign(self, path, expires):
        return hmac.new(self.secret, f"{path}\n{expires}".encode(), "sha256").hexdigest()

    def take_fault(self, place, repo, path, method):
        with self.lock:
            for fault in self.faults:
                if not fault.matches(place, repo, path, method) or (fault.times is not None and fault.used >= fault.times + fault.skip):
                    continue
                fault.used += 1
                return fault.does if fault.used > fault.skip else {}
        return {}

    def close(self):
        self.closing.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass  # clients that hang up are what tests are about


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        hub = self.server.hub
        self.parts = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.parts.query, keep_blank_values=True))
        self.names = {name.lower(): value for name, value in self.headers.items()}
        self.request_seen = Request(self.server.origin, self.command, self.parts.path, self.parts.query, self.names)
        with hub.lock:
            hub.requests.append(self.request_seen)
        try:
            self.cdn() if self.server.origin == "cdn" else self.route()
        except Refused as refused:
            fields = {"X-Error-Message": refused.message, **refused.headers}
            if refused.code:
                fields["X-Error-Code"] = refused.code
            self.answer(refused.status, json.dumps({"error": refused.message}).encode(), fields)

    do_HEAD = do_POST = do_DELETE = do_GET

    # ---- answers ----

    def answer(self, status, body=b"", headers=None, type="application/json"):
        self.request_seen.status = status
        self.send_response(status)
        fields = {"Content-Type": type, "Content-Length": str(len(body)), "RateLimit": '"resolvers";r=2999;t=120',
                  "X-Request-Id": "Root=1-fake", **(headers or {})}
        for name, value in fields.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def faulty(self, place, repo, path):
        """What shall go wrong with this answer; answers itself where all of it does."""
        does = self.server.hub.take_fault(place, repo and repo.id, path, self.command)
        if does.get("hang"):
            self.close_connection = True
            self.server.hub.closing.wait()
            raise ConnectionAbortedError
        if does.get("reset_after") == 0:
            self.reset()
        if "status" in does:
            headers = does.get("headers", {})
            raise Refused(does["status"], does.get("code", ""), does.get("message", "made to fail"), headers)
        return does

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        raise ConnectionAbortedError

    # ---- the hub ----

    def token(self):
        value = self.names.get("authorization", "")
        if not value:
            return None
        token = value.removeprefix("Bearer ")
        if token not in self.server.hub.tokens:
            raise Refused(401, "", "Invalid credentials in Authorization header")
        return token

    def repo(self, kind, id):
        hub = self.server.hub
        if (kind, id) in hub.renamed:
            target = self.path.replace(f"/{id}/", f"/{hub.renamed[kind, id]}/", 1)
            if target == self.path:
                target = self.path.replace(f"/{id}", f"/{hub.renamed[kind, id]}", 1)
            self.answer(307, b"Temporary Redirect", {"Location": target}, "text/plain")
            return None, None
        token = self.token()
        repo = hub.repos.get((kind, id))
        if repo is None or (repo.private and token is None):
            raise Refused(404 if token else 401, "RepoNotFound", "Repository not found" if token else "Invalid username or password.")
        if repo.disabled:
            raise Refused(403, "", "Access to this resource is disabled.")
        return repo, token

    def route(self):
        path = self.parts.path
        if path == "/api/whoami-v2":
            if self.token() is None:
                raise Refused(401, "", "Invalid username or password.")
            return self.answer(200, b'{"type":"user","name":"tester","auth":{"type":"access_token"}}')
        if path == "/fake/requests":
            return self.told()
        if self.command == "POST":
            return self.paths_info()
        if match := re.fullmatch(r"/api/resolve-cache/(model|dataset|space|kernel)s/(.+)/([0-9a-f]{40})/(.+)", path):
            return self.cached(*match.groups())
        if match := re.fullmatch(r"/api/(model|dataset|space|kernel)s/(.+?)(?:/(revision|tree|refs|auth-check)(?:/([^/]+)(?:/(.*))?)?)?", path):
            kind, id, what, revision, below = match.groups()
            return self.api(kind, id, what, urllib.parse.unquote(revision or "main"), urllib.parse.unquote(below or ""))
        if match := re.fullmatch(r"/(?:(dataset|space|kernel)s/)?(.+?)/resolve/([^/]+)/(.+)", path):
            kind, id, revision, file = match.groups()
            return self.resolve(kind or "model", id, urllib.parse.unquote(revision), urllib.parse.unquote(file))
        raise Refused(404, "", "Sorry, we can't find the page you are looking for.")

    def api(self, kind, id, what, revision, below):
        repo, token = self.repo(kind, id)
        if repo is None:
            return None
        place = "tree" if what == "tree" else "info"
        does = self.faulty(place, repo, below or None)
        commit = repo.find(revision)
        if commit is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if what == "tree":
            body, headers = self.tree(repo, commit, below, token)
        elif what == "refs":
            branches = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": to} for name, to in repo.refs.items()]
            body, headers = {"branches": branches, "converts": [], "tags": []}, {}
        else:
            body, headers = {"_id": "0", "id": repo.id, "modelId": repo.id, "sha": commit, "private": repo.private, "disabled": False,
                             "gated": "auto" if repo.gated else False, "tags": [], "downloads": 0, "likes": 0,
                             "lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z",
                             "siblings": [{"rfilename": name} for name in sorted(repo.commits[commit])]}, {}
        text = does["body"] if "body" in does else json.dumps(body).encode()
        if "endless" in does:
            headers["Link"] = f'<{self.server.hub.url}{self.parts.path}?cursor=0&page={len(self.server.hub.requests)}>; rel="next"'
        self.slow(does)
        return self.answer(200, text, {**headers, **does.get("set", {})})

    def told(self):
        hub = self.server.hub
        with hub.lock:
            seen = [vars(one) for one in hub.requests if one.path != "/fake/requests"]
            if self.command == "DELETE":
                hub.requests.clear()
        return self.answer(200, json.dumps(seen).encode())

    def paths_info(self):
        match = re.fullmatch(r"/api/(model|dataset|space|kernel)s/(.+?)/paths-info/([^/]+)", self.parts.path)
        asked = json.loads(self.rfile.read(int(self.names.get("content-length", "0"))))
        repo, _ = self.repo(match[1], match[2]) if match else (None, None)
        commit = repo and repo.find(urllib.parse.unquote(match[3]))
        if commit is None:
            raise Refused(404, "RevisionNotFound", "Invalid rev id")
        last = {"id": commit, "title": "a commit", "date": "2026-01-01T00:00:00.000Z"}
        files = [file for path, file in repo.commits[commit].items() if path in asked["paths"]]
        return self.answer(200, json.dumps([{**self.entry(file), "lastCommit": last} for file in files]).encode())

    @staticmethod
    def entry(file, hidden=False):
        entry = {"type": "file", "oid": "*" * 40 if hidden else file.blob_id, "size": file.size, "path": file.path}
        if file.lfs:
            entry["lfs"] = {"oid": "*" * 64 if hidden else file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
        return entry

    def slow(self, does):
        """For small answers: the whole of it is late."""
        if "rate" in does:
            self.server.hub.closing.wait(1000 / does["rate"])

    def tree(self, repo, commit, below, token):
        hidden = repo.masked and token not in repo.allowed
        recursive = self.query.get("recursive", "").lower() in ("true", "1")
        entries, folders = [], set()
        for path, file in sorted(repo.commits[commit].items()):
            if below and not path.startswith(below.rstrip("/") + "/"):
                continue
            rest = path[len(below.rstrip("/")) + 1:] if below else path
            head = path[:len(path) - len(rest)]
            parts = rest.split("/")
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                folders.add(head + "/".join(parts[:depth]))
            if len(parts) > 1 and not recursive:
                continue
            entries.append(self.entry(file, hidden))
        entries += [{"type": "directory", "oid": hashlib.sha1(f.encode()).hexdigest(), "size": 0, "path": f} for f in sorted(folders)]
        start = int(self.query.get("cursor", "0"))
        limit = min(int(self.query.get("limit", self.server.hub.page_size)), self.server.hub.page_size)
        headers = {}
        if start + limit < len(entries):
            query = urllib.parse.urlencode({**self.query, "cursor": start + limit})
            headers["Link"] = f'<{self.server.hub.url}{self.parts.path}?{query}>; rel="next"'
        return entries[start:start + limit], headers

    def resolve(self, kind, id, revision, path):
        repo, token = self.repo(kind, id)
        if repo is None:
            return None
        hub = self.server.hub
        does = self.faulty("resolve", repo, path)
        if repo.gated and token not in repo.allowed:
            raise Refused(403 if token else 401, "GatedRepo",
                          f"Access to model {repo.id} is restricted" + (" and you are not in the authorized list." if token else "."))
        commit = repo.find(revision)
        if commit is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        file = repo.commits[commit].get(path)
        if file is None:
            raise Refused(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        quoted = urllib.parse.quote(path)
        if file.lfs:
            headers |= {"X-Linked-Size": str(file.size), "X-Linked-ETag": f'"{file.etag}"', "ETag": f'"{file.blob_id}"'}
            where, expires = f"/cdn/{repo.kind}s/{repo.id}/{commit}/{quoted}", int(time.time() + hub.signed_for)
            headers["Location"] = (f"{hub.cdn_url}{where}?response-content-disposition=inline%3B+filename%2A%3DUTF-8%27%27{quoted.replace('/', '_')}"
                                   f"&Expires={expires}&Policy=a~b_&Signature={hub.sign(where, expires)}")
            return self.answer(302, b"Found. Redirecting.", headers | does.get("set", {}), "text/plain")
        if hub.relative:
            headers["Location"] = f"/api/resolve-cache/{repo.kind}s/{repo.id}/{commit}/{quoted}?%2F{quoted}=&etag=%22{file.etag}%22"
            return self.answer(307, b"Temporary Redirect. Redirecting.", headers | does.get("set", {}), "text/plain")
        return self.send(file, headers | {"ETag": f'"{file.etag}"'}, does)

    def cached(self, kind, id, commit, path):
        repo, _ = self.repo(kind, id)
        if repo is None:
            return None
        path = urllib.parse.unquote(path)
        file = repo.commits[commit][path]
        return self.send(file, {"X-Repo-Commit": commit, "ETag": f'"{file.etag}"'}, self.faulty("cache", repo, path))

    # ---- the other origin ----

    def cdn(self):
        hub = self.server.hub
        match = re.fullmatch(r"/cdn/(model|dataset|space|kernel)s/(.+)/([0-9a-f]{40})/(.+)", self.parts.path)
        repo = match and hub.repos.get((match[1], match[2]))
        path = urllib.parse.unquote(match[4]) if match else None
        does = self.faulty("cdn", repo, path)
        if "authorization" in self.names:  # as S3 does with two kinds of credentials
            return self.answer(400, b"<Error><Code>InvalidArgument</Code></Error>", {}, "application/xml")
        expires = self.query.get("Expires", "0")
        good = hmac.compare_digest(self.query.get("Signature", ""), hub.sign(self.parts.path, expires))
        if not good or int(expires) < time.time():
            return self.answer(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", {}, "application/xml")
        if repo is None or path not in repo.commits.get(match[3], {}):
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>", {}, "application/xml")
        file = repo.commits[match[3]][path]
        return self.send(file, {"ETag": f'"{hashlib.md5(file.etag.encode()).hexdigest()}"'}, does)

    # ---- content ----

    def send(self, file, headers, does):
        size = file.size + does.get("grow", 0)
        start, end, status = 0, size, 200
        headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **headers}
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.names.get("range", ""))
        current = self.names.get("if-range") in (None, headers.get("ETag"))
        if match and current and not does.get("ignore_range"):
            start, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
            if start >= size or end <= start:
                return self.answer(416, b"", {"Content-Range": f"bytes */{size}"}, "text/plain")
            shift = does.get("shift_range", 0)
            start, end, status = start + shift, min(end + shift, size), 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self.request_seen.status = status
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(end - start), **does.get("set", {})}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return None
        hub = self.server.hub
        with hub.lock:
            hub.open_now += 1
            hub.most_open = max(hub.most_open, hub.open_now)
        try:
            self.body(file, start, end, does)
        finally:
            with hub.lock:
                hub.open_now -= 1
        return None

    def body(self, file, start, end, does):
        hub, sent = self.server.hub, 0
        stop = min((does[name] for name in ("stall_after", "reset_after", "truncate_after") if name in does), default=None)
        for piece in self.pieces(file, start, end, does):
            if stop is not None:
                piece = piece[:max(0, stop - sent)]
            self.wfile.write(piece)
            sent += len(piece)
            hub.bytes_sent += len(piece)
            if "rate" in does:
                self.wfile.flush()
                hub.closing.wait(len(piece) / does["rate"])
            if stop is not None and sent >= stop:
                break
        self.wfile.flush()
        if stop is None or sent < stop:
            return
        self.close_connection = True
        if "stall_after" in does:
            self.connection.settimeout(None)
            while not hub.closing.wait(0.05):
                self.connection.setblocking(False)
                try:
                    if self.connection.recv(1) == b"":
                        break
                except BlockingIOError:
                    continue
                except OSError:
                    break
        elif "reset_after" in does:
            self.reset()

    def pieces(self, file, start, end, does):
        step = max(1, min(BLOCK, int(does["rate"] / 20))) if "rate" in does else BLOCK
        for piece in file.content.read(start, min(end, file.size)):
            if does.get("wrong"):
                piece = bytes(b ^ 1 for b in piece)
            for at in range(0, len(piece), step):
                yield piece[at:at + step]
        if end > max(start, file.size):
            yield b"x" * (end - max(start, file.size))


def main():
    parser = argparse.ArgumentParser(description="A Hugging Face hub for tests, with four repositories.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cdn-port", type=int, default=0)
    parser.add_argument("--megabytes", type=int, default=64, help="of org/large's one file")
    parser.add_argument("--rate", type=int, help="bytes per second of each file")
    options = parser.parse_args()
    hub = FakeHub(tokens={"hf_good"}, port=options.port, cdn_port=options.cdn_port)
    tiny = hub.repo("org/tiny")
    tiny.add("config.json", b'{"model_type": "tiny"}\n')
    tiny.add("sub/a b #1.txt", "Grüße\n".encode())
    tiny.add("empty.txt", b"")
    tiny.add("model.safetensors", Pattern(300_000))
    plain = hub.repo("org/plain")  # what every client can fetch
    for path, content in (("config.json", b"{}\n"), ("sub/notes.txt", b"notes\n"), ("sub/twin.txt", b"notes\n"), ("model.safetensors", Pattern(300_000))):
        plain.add(path, content)
    hub.repo("org/large").add("large.bin", Pattern(options.megabytes << 20))
    hub.repo("org/gated", gated=True).add("model.bin", Pattern(100_000))
    if options.rate:
        for place in ("cdn", "cache"):
            hub.fault(place, times=None, rate=options.rate)
    print(hub.url, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        hub.close()


if __name__ == "__main__":
    main()
