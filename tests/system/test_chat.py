"""Conversations: llama-server behind hostler, with tiny random models. What they say means nothing; that it comes, streams, stops and
fails as it should is what is looked at."""

import base64
import json
import os
import pathlib
import random
import signal
import socket
import struct
import time
import zlib

import house
from house import BIN, fake

MODELS = BIN.parent / "models"
NATIVE = (BIN / "llama-server").resolve().parent
TEMPLATES = BIN.parents[1] / "third_party/llama.cpp/models/templates"
ONE_VARIANT = {"HOSTLER_GGML_CPU": str(NATIVE / "libggml-cpu-haswell.so")}  # others differ in the last digits
TINY = MODELS / "tiny_llama/tiny-llama.gguf"


def gguf(model_id, path, type="llm", **options):
    return {"id": model_id, "type": type, "engine": "llama-server", "path": str(path), "options": options}


def picture(red):
    """A PNG of 28 x 28 pixels as a data: URL."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([red, 40, 200 - red // 2]) * 28 for _ in range(28))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


def user(content):
    return [{"role": "user", "content": content}]


def looks_at(url):
    return user([{"type": "text", "text": "what is it"}, {"type": "image_url", "image_url": {"url": url}}])


def data_of(body):
    """What the events of a stream hold."""
    lines = body.decode().split("\n")
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


LETTERS = "root ::= [a-z ]{500}"  # random bytes would be no text


class Talk(house.Test):
    def chat(self, hostler, messages, model="tiny", **more):
        if isinstance(messages, str):
            messages = user(messages)
        if not {"tools", "response_format"} & set(more):
            more = {"grammar": LETTERS, **more}
        return hostler.post("/v1/chat/completions", {"model": model, "messages": messages, "seed": 1, "max_tokens": 12, **more})

    def said(self, hostler, messages, **more):
        answer = self.chat(hostler, messages, **more)
        self.assertEqual(answer.status, 200, answer)
        return answer.json["choices"][0]["message"]["content"]


class Chat(Talk):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(
            gguf("tiny", TINY), gguf("org/tools", TINY, chat_template=str(TEMPLATES / "openai-gpt-oss-120b.jinja")),
            gguf("sees", MODELS / "tiny_clip"), gguf("bert", MODELS / "tiny_bert/tiny-bert.gguf", "embedding"),
            gguf("rank", MODELS / "tiny_rerank/tiny-rerank.gguf", "reranker"),
            gguf("changed", TINY, lora=["tiny-lora.gguf"]), fake("voice"), environment=ONE_VARIANT)

    # ---- what OpenAI's clients do ----

    def test_an_answer(self):
        answer = self.chat(self.hostler, "hello")
        self.assertEqual(answer.status, 200, answer)
        body = answer.json
        self.assertEqual((body["object"], body["model"]), ("chat.completion", "tiny"))
        self.assertEqual(body["usage"]["completion_tokens"], 12)
        self.assertEqual(body["choices"][0]["finish_reason"], "length")
        for name in answer.headers:
            self.assertNotIn(name.lower(), ("server", "keep-alive", "access-control-allow-origin"))
        self.assertNotIn(str(TINY), answer.body.decode(errors="replace"))

    def test_a_stream_says_the_same(self):
        whole = self.said(self.hostler, "hello there")
        answer = self.chat(self.hostler, "hello there", stream=True, stream_options={"include_usage": True})
        self.assertEqual((answer.status, answer.headers["Content-Type"].split(";")[0]), (200, "text/event-stream"))
        *events, done = data_of(answer.body)
        self.assertEqual(done, "[DONE]")
        events = [json.loads(event) for event in events]
        pieces = [choice["delta"].get("content") or "" for event in events for choice in event["choices"]]
        self.assertGreater(len([piece for piece in pieces if piece]), 3)
        self.assertEqual("".join(pieces), whole)
        self.assertEqual(events[-1]["usage"]["completion_tokens"], 12)

    def test_seeds(self):
        first, again, other = (self.said(self.hostler, "tell me", seed=seed) for seed in (7, 7, 8))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_many_at_the_same_time_do_not_mix(self):
        alone = {seed: self.said(self.hostler, f"number {seed}", seed=seed) for seed in range(4)}
        answers = [house.Background(lambda seed=i % 4: (seed, self.said(self.hostler, f"number {seed}", seed=seed))) for i in range(16)]
        for seed, text in (answer.result() for answer in answers):
            self.assertEqual(text, alone[seed])

    def test_probabilities(self):
        choice = self.chat(self.hostler, "hi", logprobs=True, top_logprobs=3).json["choices"][0]
        self.assertEqual(len(choice["logprobs"]["content"]), 12)
        self.assertEqual(len(choice["logprobs"]["content"][0]["top_logprobs"]), 3)

    def test_a_schema_is_followed(self):
        schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}, "count": {"enum": [1, 2]}}, "required": ["colour", "count"],
                  "additionalProperties": False}
        text = self.said(self.hostler, "choose", max_tokens=100,
                         response_format={"type": "json_schema", "json_schema": {"name": "choice", "schema": schema, "strict": True}})
        choice = json.loads(text)
        self.assertIn(choice["colour"], ("red", "blue"))
        self.assertIn(choice["count"], (1, 2))

    def test_a_tool_is_called(self):
        tool = {"type": "function", "function": {"name": "paint", "parameters": {
            "type": "object", "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}}, "required": ["colour"]}}}
        answer = self.chat(self.hostler, "paint it", model="org/tools", tools=[tool], tool_choice="required", max_tokens=300, temperature=0)
        self.assertEqual(answer.status, 200, answer)
        choice = answer.json["choices"][0]
        self.assertEqual(choice["finish_reason"], "tool_calls")
        call = choice["message"]["tool_calls"][0]["function"]
        self.assertEqual(call["name"], "paint")
        self.assertIn(json.loads(call["arguments"])["colour"], ("red", "blue"))

    def test_an_adapter_changes_what_is_said(self):
        self.assertNotEqual(self.said(self.hostler, "hello"), self.said(self.hostler, "hello", model="changed"))

    def test_completions(self):
        answer = self.hostler.post("/v1/completions", {"model": "tiny", "prompt": "the cat", "max_tokens": 5, "seed": 1})
        self.assertEqual((answer.status, answer.json["object"]), (200, "text_completion"))
        self.assertTrue(answer.json["choices"][0]["text"])

    def test_events_that_nobody_can_read_are_left_out(self):
        answer = self.hostler.post("/v1/completions", {"model": "tiny", "prompt": ["the cat", "a dog"], "max_tokens": 4, "seed": 1, "stream": True})
        *events, done = data_of(answer.body)
        self.assertEqual((answer.status, done), (200, "[DONE]"))
        indices = {choice["index"] for event in events for choice in json.loads(event)["choices"]}
        self.assertEqual(indices, {0, 1})
        self.assertNotIn(b"null\n\n", answer.body.replace(b":null", b""))

    def test_responses(self):
        answer = self.hostler.post("/v1/responses", {"model": "tiny", "input": "hello", "max_output_tokens": 6})
        self.assertEqual((answer.status, answer.json["object"]), (200, "response"), answer)
        self.assertEqual(answer.json["output"][-1]["content"][0]["type"], "output_text")

    # ---- what Anthropic's clients do ----

    def test_messages(self):
        body = {"model": "tiny", "max_tokens": 6, "system": "be brief", "messages": user("hello")}
        answer = self.hostler.post("/v1/messages", body, {"anthropic-version": "2023-06-01", "x-api-key": "k"})
        self.assertEqual((answer.status, answer.json["type"], answer.json["model"]), (200, "message", "tiny"))
        self.assertEqual(answer.json["content"][0]["type"], "text")
        stream = self.hostler.post("/v1/messages", {**body, "stream": True})
        names = [line.split(": ", 1)[1] for line in stream.body.decode().split("\n") if line.startswith("event: ")]
        self.assertEqual((names[0], names[-1]), ("message_start", "message_stop"))
        self.assertIn("content_block_delta", names)
        count = self.hostler.post("/v1/messages/count_tokens", {"model": "tiny", "messages": user("hello")})
        self.assertGreater(count.json["input_tokens"], 5)

    def test_anthropics_errors_have_anthropics_form(self):
        cases = [({"model": "nobody", "max_tokens": 5, "messages": user("x")}, 404, "not_found_error", "nobody"),
                 ({"model": "tiny", "max_tokens": 5, "messages": "bad"}, 400, "invalid_request_error", "messages: expected a list"),
                 ({"model": "bert", "max_tokens": 5, "messages": user("x")}, 400, "invalid_request_error", "does not chat"),
                 ({"model": "tiny", "max_tokens": 5, "messages": user("x " * 4000)}, 400, "invalid_request_error", "tokens")]
        for body, status, kind, part in cases:
            answer = self.hostler.post("/v1/messages", body)
            self.assertEqual((answer.status, answer.json["type"], answer.json["error"]["type"]), (status, "error", kind), answer)
            self.assertIn(part, answer.json["error"]["message"])
            self.assertTrue(answer.json["error"]["remedy"])

    # ---- what llama.cpp's clients do ----

    def test_tokens(self):
        tokens = self.hostler.post("/tokenize", {"model": "tiny", "content": "the cat"}).json["tokens"]
        self.assertGreater(len(tokens), 2)
        self.assertEqual(self.hostler.post("/detokenize", {"model": "tiny", "tokens": tokens}).json["content"], "the cat")
        self.assertGreater(len(self.hostler.post("/tokenize", {"model": "bert", "content": "the cat"}).json["tokens"]), 1)

    def test_templates_and_gaps(self):
        prompt = self.hostler.post("/apply-template", {"model": "tiny", "messages": user("hello")}).json["prompt"]
        self.assertEqual(prompt, "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n")
        answer = self.hostler.post("/infill", {"model": "tiny", "input_prefix": "a ", "input_suffix": " b", "n_predict": 4})
        self.assertEqual(answer.status, 200, answer)

    def test_what_is_the_engines_own_is_not_shown(self):
        self.said(self.hostler, "hello")
        for method, path in (("GET", "/slots"), ("GET", "/props"), ("POST", "/props"), ("GET", "/lora-adapters"), ("POST", "/slots/0"),
                             ("GET", "/upstream/tiny/slots"), ("GET", "/upstream/tiny/props"), ("POST", "/upstream/tiny/v1/chat/completions")):
            answer = self.hostler.ask(method, path, {} if method == "POST" else None)
            self.assertIn(answer.status, (404, 405), f"{method} {path}: {answer}")
        self.assertEqual(self.hostler.get("/upstream/tiny/health").json, {"status": "ok"})

    def test_vectors_as_the_engine_makes_them(self):
        answer = self.hostler.post("/upstream/bert/v1/embeddings", {"input": ["the cat", "a dog"]})
        self.assertEqual([len(row["embedding"]) for row in answer.json["data"]], [64, 64])
        answer = self.hostler.post("/upstream/rank/v1/rerank", {"query": "cat", "documents": ["a dog", "the cat"]})
        self.assertEqual(len(answer.json["results"]), 2)
        self.assertEqual(self.hostler.post("/upstream/rank/v1/embeddings", {"input": "x"}).status, 404)

    # ---- pictures ----

    def test_a_picture_is_looked_at(self):
        red, blue = (self.chat(self.hostler, looks_at(picture(shade)), model="sees") for shade in (250, 5))
        self.assertEqual((red.status, blue.status), (200, 200), red)
        self.assertNotEqual(red.json["choices"][0]["message"]["content"], blue.json["choices"][0]["message"]["content"])

    def test_a_model_without_eyes(self):
        answer = self.chat(self.hostler, looks_at(picture(9)))
        self.assert_error(answer, 400, message="does not look at pictures")

    def test_nothing_is_fetched_for_anybody(self):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/secret.png"
        for address in (url, "file:///etc/passwd", "/etc/passwd", "ftp://x/y"):
            answer = self.chat(self.hostler, looks_at(address), model="sees")
            self.assert_error(answer, 403, code="url_not_allowed", param="messages[0].content[1].image_url.url")
        source = [{"type": "image", "source": {"type": "url", "url": url}}]
        answer = self.hostler.post("/v1/messages", {"model": "sees", "max_tokens": 4, "messages": user(source)})
        self.assertEqual((answer.status, answer.json["error"]["type"]), (403, "permission_error"))
        result = [{"type": "tool_result", "tool_use_id": "1", "content": source}]
        self.assertEqual(self.hostler.post("/v1/messages", {"model": "sees", "max_tokens": 4, "messages": user(result)}).status, 403)
        answer = self.hostler.post("/v1/responses", {"model": "sees", "input": user([{"type": "input_image", "image_url": url}])})
        self.assert_error(answer, 403, code="url_not_allowed")
        answer = self.hostler.post("/v1/responses", {"model": "sees", "input": [{"type": "input_image", "image_url": url}]})
        self.assert_error(answer, 403, code="url_not_allowed", param="input[0].image_url")
        with self.assertRaises(TimeoutError):
            listener.accept()
        listener.close()

    # ---- what is wrong ----

    def test_too_long(self):
        answer = self.chat(self.hostler, "word " * 3000)
        self.assert_error(answer, 400, code="context_length_exceeded", message=r"\d+ tokens, and the model takes 2048")

    def test_models_that_do_something_else(self):
        self.assert_error(self.chat(self.hostler, "x", model="bert"), 400, param="model", message='"bert" does not chat: it makes vectors of texts')
        self.assert_error(self.chat(self.hostler, "x", model="rank"), 400, message="it puts documents into order")
        self.assert_error(self.chat(self.hostler, "x", model="voice"), 400, message="it speaks")
        self.assertEqual(self.hostler.model("voice")["state"], "unloaded")  # nothing was loaded for it
        self.assert_error(self.chat(self.hostler, "x", model="tyni"), 404, param="model")
        self.assert_error(self.hostler.post("/tokenize", {"model": "voice", "content": "x"}), 400)

    def test_which_model(self):
        for name in ("tiny", "changed"):
            self.said(self.hostler, "x", model=name)
        answer = self.hostler.post("/v1/chat/completions", {"messages": user("x")})
        error = self.assert_error(answer, 400, code="model_required", param="model")
        self.assertIn("tiny", error["remedy"])

    def test_malformed_requests(self):
        cases = [("{", None), ('{"messages":[],"messages":[]}', None), ("[]", None), ({}, "messages"), ({"messages": "bad"}, "messages"),
                 ({"messages": []}, "messages"), ({"messages": ["x"]}, r"messages\[0\]"), ({"messages": [{"content": "x"}]}, r"messages\[0\].role"),
                 ({"messages": [{"role": "user", "content": 5}]}, r"messages\[0\].content"),
                 ({"messages": user([{"text": "x"}])}, r"messages\[0\].content\[0\].type"), ({"model": 5, "messages": user("x")}, "model"),
                 ({"model": "tiny", "messages": user("x"), "temperature": "hot"}, None),
                 ({"model": "tiny", "messages": user("x"), "tools": "none"}, None),
                 ({"model": "tiny", "messages": user("x"), "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nothing"}}}}, None),
                 ({"model": "sees", "messages": looks_at("data:image/png;base64,AAAA")}, None)]
        for body, param in cases:
            answer = self.hostler.post("/v1/chat/completions", body, {"Content-Type": "application/json"})
            error = self.assert_error(answer, 400)
            if param:
                self.assertRegex(error["param"], param)
        self.assert_error(self.hostler.post("/v1/chat/completions", "x", {"Content-Type": "text/plain"}), 415)
        self.assert_error(self.hostler.post("/v1/responses", {"model": "tiny"}), 400, param="input")
        self.assert_error(self.hostler.post("/v1/completions", {"model": "tiny"}), 400, param="prompt")
        self.said(self.hostler, "and it still answers")

    def test_memory_and_log(self):
        self.hostler.unload("bert")
        receipt = self.hostler.load("bert").json
        self.assertGreater(receipt["memory_after_mb"], 3)
        freed = self.hostler.unload("bert").json
        self.assertGreater(freed["memory_before_mb"], 3)
        self.assertEqual(self.hostler.crashes("bert"), [])  # it was told to end, and did


class Ends(Talk):
    """Generations that go on for long: the context is far larger than what the model was made for."""

    ENDLESS = {"max_tokens": 60000, "ignore_eos": True}

    def start_endless(self):
        return self.start(gguf("tiny", TINY, context=65536, parallel=1), environment=ONE_VARIANT)

    def assert_rests(self, pid, what):
        """The process computes no more: for half a second it takes no time of the processor."""
        def rests():
            before = cpu_seconds(pid)
            time.sleep(0.5)
            return cpu_seconds(pid) - before <= 0.01
        house.eventually(rests, what)

    def test_a_client_that_hangs_up_ends_the_work(self):
        hostler = self.start_endless()
        self.said(hostler, "hello")
        pid = self.engine(hostler)
        for stream, headers in ((True, {}), (False, {}), (True, {"X-Conversation-Id": "c1"})):
            body = {"model": "tiny", "messages": user("go on"), "stream": stream, **self.ENDLESS}
            raw = hostler.socket(self.request("/v1/chat/completions", body, headers))
            if stream:
                self.assertTrue(raw.recv(1))
            before = cpu_seconds(pid)
            house.eventually(lambda: cpu_seconds(pid) - before > 0.05, "the engine to be at work")
            raw.close()
            self.assert_rests(pid, f"the engine to stop (stream: {stream})")
            house.eventually(lambda: hostler.get("/api/ps").json["models"][0]["leases"] == 0, "the lease to come back")
        self.assertEqual(self.said(hostler, "hello"), self.said(hostler, "hello"))

    def test_an_engine_that_is_killed_cuts_the_stream_and_comes_back(self):
        hostler = self.start_endless()
        text = self.said(hostler, "hello")
        connection, response = hostler.open("POST", "/v1/chat/completions", {"model": "tiny", "messages": user("go on"), "stream": True, **self.ENDLESS})
        self.assertEqual(response.status, 200)
        self.assertTrue(response.read(100))
        waiting = house.Background(lambda: hostler.post("/v1/chat/completions", {"model": "tiny", "messages": user("later"), **self.ENDLESS}))
        house.eventually(lambda: hostler.model("tiny")["leases"] == 2, "both requests to be at work")
        os.kill(self.engine(hostler), signal.SIGKILL)
        self.assert_cut(response)
        connection.close()
        self.assert_error(waiting.result(), 502, message="died|ended|broke")
        dossier = hostler.wait_for_crash("tiny")
        self.assertEqual((dossier["exit"]["status"], dossier["phase"]), (9, "working"))
        self.assertIn("/v1/chat/completions", dossier["requests"][0])
        answer = house.eventually(lambda: (a := self.chat(hostler, "hello")).status == 200 and a, "it to come back")
        self.assertEqual(answer.json["choices"][0]["message"]["content"], text)

    def test_an_engine_that_aborts_is_a_crash(self):
        hostler = self.start_endless()
        self.said(hostler, "hello")
        os.kill(self.engine(hostler), signal.SIGABRT)
        self.assertEqual(hostler.wait_for_crash("tiny")["exit"]["status"], 6)

    def test_hostler_ends_while_a_stream_runs(self):
        hostler = self.start_endless()
        self.said(hostler, "hello")
        self.engine(hostler)
        raw = hostler.socket(self.request("/v1/chat/completions", {"model": "tiny", "messages": user("go on"), "stream": True, **self.ENDLESS}, {}))
        self.assertTrue(raw.recv(1))
        hostler.process.kill()
        hostler.process.wait()
        house.eventually(lambda: not house.processes_of(hostler.home), "the engine to die with hostler")
        raw.close()
        hostler.process.stdout.close()
        hostler.start()  # and cleans up: looked at by the end of the test

    def engine(self, hostler):
        found = [pid for pid, command in house.processes_of(hostler.home) if "llama-server" in command]
        self.assertEqual(len(found), 1)
        return found[0]

    def request(self, path, body, headers):
        text = json.dumps(body).encode()
        fields = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", "Content-Type": "application/json",
                                                                   "Content-Length": len(text), **headers}.items())
        return f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode() + text


class Files(Talk):
    """Models on the disk: found, and broken in every way."""

    def test_found_in_models(self):
        hostler = self.new(environment={**ONE_VARIANT, "LLAMA_ARG_CTX_SIZE": "17", "LLAMA_ARG_N_PARALLEL": "9"})
        models = hostler.home / "models"
        models.mkdir()
        (models / "tiny.gguf").write_bytes(TINY.read_bytes())
        folder = models / "org" / "seeing"
        folder.mkdir(parents=True)
        for file in (MODELS / "tiny_clip").iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        hostler.start()
        self.addCleanup(self.finish, hostler)
        rows = {row["id"]: row for row in hostler.get("/models").json["models"]}
        self.assertIn("tiny.gguf", rows, list(rows))
        self.said(hostler, "hello", model="tiny.gguf")
        answer = hostler.post("/v1/chat/completions", {"messages": user("x"), "max_tokens": 3})  # the only one that is loaded
        self.assertEqual((answer.status, answer.json["model"]), (200, "tiny.gguf"), answer)
        answer = self.chat(hostler, looks_at(picture(3)), model="org/seeing")
        self.assertEqual(answer.status, 200, answer)

    def test_the_default(self):
        hostler = self.start(gguf("one", TINY), gguf("two", TINY), environment=ONE_VARIANT, models__default_llm="two")
        for name in ("", None, "gpt-4o"):
            answer = hostler.post("/v1/chat/completions", {"messages": user("x"), "max_tokens": 3, **({"model": name} if name is not None else {})})
            self.assertEqual((answer.status, answer.json.get("model")), (200, "two"), answer)
        self.assertEqual(hostler.loaded(), ["two"])

    def test_a_home_with_a_long_path(self):
        hostler = self.new(gguf("tiny", TINY), environment=ONE_VARIANT)
        long = house.Hostler(hostler.home.parent / ("deep" * 20) / ("deeper" * 20), [gguf("tiny", TINY)], {}, ONE_VARIANT)
        self.addCleanup(long.kill)
        long.start()
        self.said(long, "hello")
        long.terminate()
        self.assertEqual(long.wait(), 0)
        self.assertEqual(long.leftovers(), [])

    def test_wrong_options(self):
        hostler = self.start(gguf("misspelt", TINY, contxt=5), gguf("wild", TINY, parallel=0), gguf("absent", TINY, chat_template="/nowhere"),
                             gguf("strange", TINY, lora=[str(MODELS / "tiny_bert/tiny-bert.gguf")]),
                             gguf("blind", TINY, mmproj=str(TINY)), environment=ONE_VARIANT)
        self.assert_error(self.chat(hostler, "x", model="misspelt"), 400, param="options.contxt")
        self.assert_error(self.chat(hostler, "x", model="wild"), 400, param="options.parallel")
        self.assert_error(self.chat(hostler, "x", model="absent"), 500, code="load_failed", message="/nowhere")
        self.assert_error(self.chat(hostler, "x", model="strange"), 500, code="load_failed")
        self.assert_error(self.chat(hostler, "x", model="blind"), 500, code="load_failed", message="CLIP")
        self.assertEqual(hostler.crashes(), [])

    def broken(self, folder):
        """name -> (path, type, what the reason says)"""
        whole = TINY.read_bytes()
        tensors = len(whole) - 483584  # about where the header ends
        places = [0, 3, 4, 20, 24, 100, 1000, tensors // 2, tensors - 100, tensors + 100, len(whole) // 2, len(whole) - 100_000, len(whole) - 1]
        cases = {f"cut-{at}": (whole[:at], "llm", "is no GGUF file|ends within its header|corrupted or incomplete") for at in places}
        cases["junk"] = (random.Random(1).randbytes(100_000), "llm", "is no GGUF file")
        cases["html"] = (b"<!DOCTYPE html><html><body>404</body></html>", "llm", "is no GGUF file")
        cases["version"] = (whole[:4] + struct.pack("<I", 99) + whole[8:], "llm", "version 99")
        cases["counts"] = (whole[:8] + struct.pack("<QQ", 2**60, 2**60) + whole[24:], "llm", "ends within its header|broken header")
        cases["lora"] = ((MODELS / "tiny_llama/tiny-lora.gguf").read_bytes(), "llm", "an adapter")
        cases["clip"] = ((MODELS / "tiny_clip/mmproj-tiny-clip.gguf").read_bytes(), "llm", "a projector")
        cases["encoder"] = ((MODELS / "tiny_bert/tiny-bert.gguf").read_bytes(), "llm", "makes vectors")
        cases["scorer"] = ((MODELS / "tiny_rerank/tiny-rerank.gguf").read_bytes(), "llm", "a head that scores")
        cases["no-scorer"] = (whole, "reranker", "no head that scores")
        cases["architecture"] = (whole.replace(b"llama.", b"lmama.").replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0lmama", 1), "llm", "unknown model architecture")
        made = {}
        for name, (data, type, reason) in cases.items():
            (folder / name).write_bytes(data)
            made[name] = (folder / name, type, reason)
        (folder / "empty-folder").mkdir()
        made["empty-folder"] = (folder / "empty-folder", "llm", "no GGUF file")
        made["absent"] = (folder / "absent-file", "llm", "cannot be read")
        return made

    def test_broken_files_have_a_reason_and_harm_nobody(self):
        folder = self.new().home
        broken = self.broken(folder)
        hostler = self.start(*(gguf(name, path, type) for name, (path, type, _) in broken.items()), gguf("good", TINY), fake("voice"),
                             environment=ONE_VARIANT)
        text = self.said(hostler, "hello", model="good")
        for name, (_, _, reason) in broken.items():
            with self.subTest(name):
                answer = hostler.load(name)
                self.assert_error(answer, 500, code="load_failed", message=reason)
                self.assertEqual(hostler.model(name)["state"], "error")
        self.assertEqual(hostler.crashes(), [])
        self.assertEqual(self.said(hostler, "hello", model="good"), text)
        self.assertEqual(hostler.speak("voice").status, 200)

    def test_flipped_bits_cost_one_process_at_most(self):
        folder = self.new().home
        dice, whole = random.Random(5), TINY.read_bytes()
        names = []
        for number in range(24):
            data = bytearray(whole)
            for _ in range(3):
                data[dice.randrange(0, len(whole) - 483584)] ^= 1 << dice.randrange(8)
            names.append(f"flipped-{number}")
            (folder / names[-1]).write_bytes(data)
        hostler = self.start(*(gguf(name, folder / name, context=512) for name in names), gguf("good", TINY), environment=ONE_VARIANT,
                             engines__load_timeout_s=5)
        text = self.said(hostler, "hello", model="good")
        outcomes = set()
        for name in names:
            answer = self.chat(hostler, "hello", model=name, max_tokens=3)
            outcomes.add(answer.status)
            if answer.status != 200:
                self.assertTrue(answer.error["message"] and answer.error["remedy"], f"{name}: {answer}")
            hostler.unload(name)
        self.assertIn(500, outcomes)
        self.assertEqual(self.said(hostler, "hello", model="good"), text)


if __name__ == "__main__":
    house.main()
