"""Vectors, sparse vectors and scores of texts: every dialect against an engine whose numbers a test can work out."""

import base64
import http.client
import json
import math
import re
import socket
import struct
import unittest

import house

LIMIT = 2048


def fnv1a(word):
    value = 0xCBF29CE484222325
    for byte in word.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def words(text):
    return [word.strip() for word in text.split(" ") if word.strip()]


def vector(text, dimension=8):
    """As engines/fake/README.md has it."""
    counts = [0.0] * dimension
    for word in words(text):
        counts[fnv1a(word) % dimension] += 1
    length = math.sqrt(sum(x * x for x in counts))
    return [x / length for x in counts]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


class Vectors(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(
            house.fake("emb", type="embedding", context_length=6),
            house.fake("rank", type="reranker", context_length=6),
            house.fake("sparse", type="splade", context_length=6),
            house.fake("intfloat/e5-small-v2", type="embedding", dimension=64),
            house.fake("Qwen/Qwen3-Embedding-0.6B", type="embedding", dimension=64),
            house.fake("voice"))

    def embed(self, input, model="emb", **more):
        return self.hostler.post("/v1/embeddings", {"model": model, "input": input, **more})

    def assert_near(self, got, wanted):
        self.assertEqual(len(got), len(wanted))
        for a, b in zip(got, wanted):
            self.assertAlmostEqual(a, b, places=6)


class Embeddings(Vectors):
    def test_each_text_has_its_vector(self):
        answer = self.embed(["a cat", "a dog and a cat", "a cat"])
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["object"], "list")
        self.assertEqual(answer.json["model"], "emb")
        self.assertEqual(answer.json["usage"], {"prompt_tokens": 9, "total_tokens": 9})
        self.assertEqual([(item["object"], item["index"]) for item in answer.json["data"]], [("embedding", i) for i in range(3)])
        for item, text in zip(answer.json["data"], ["a cat", "a dog and a cat", "a cat"]):
            self.assert_near(item["embedding"], vector(text))
        self.assert_near(self.embed("a cat").json["data"][0]["embedding"], vector("a cat"))

    def test_numbers_are_as_short_as_float32_allows(self):
        text = self.embed("one two three").body.decode()
        for number in re.search(r'"embedding":\[([^]]*)\]', text)[1].split(","):
            self.assertLessEqual(len(number.lstrip("-").replace("0.", "", 1).split("e")[0]), 9, number)

    def test_base64_is_the_same_in_fewer_bytes(self):
        floats = self.embed("a cat and a dog").json["data"][0]["embedding"]
        packed = self.embed("a cat and a dog", encoding_format="base64").json["data"][0]["embedding"]
        self.assertEqual(list(struct.unpack("<8f", base64.b64decode(packed))), [struct.unpack("<f", struct.pack("<f", x))[0] for x in floats])
        self.assert_error(self.embed("x", encoding_format="int8"), 400, param="encoding_format")

    def test_fewer_dimensions_are_cut_and_of_length_one(self):
        text = "a cat and a dog"
        whole = vector(text)
        for dimensions in (1, 3, 8):
            got = self.embed(text, dimensions=dimensions).json["data"][0]["embedding"]
            length = math.sqrt(sum(x * x for x in whole[:dimensions])) or 1
            self.assert_near(got, [x / length for x in whole[:dimensions]])
        for dimensions in (0, -1, 9):
            self.assert_error(self.embed(text, dimensions=dimensions), 400, param="dimensions")
        self.assertRegex(self.embed(text, dimensions=9).error["message"], "8 dimensions")

    def test_many_texts_keep_their_order_and_errors_their_place(self):
        texts = [f"text number {i}" for i in range(100)]
        answer = self.embed(texts)
        self.assertEqual(len(answer.json["data"]), 100)
        for text, item in zip(texts, answer.json["data"]):
            self.assert_near(item["embedding"], vector(text))
        texts[71] = "one two three four five six seven"
        self.assert_error(self.embed(texts), 400, param="input[71]", message="7 tokens, the model reads 6")
        cut = self.embed(texts, truncate=True).json["data"][71]["embedding"]
        self.assert_near(cut, vector("one two three four five six"))

    def test_what_is_no_text_is_said_so(self):
        self.assert_error(self.embed([1, 2, 3]), 400, param="input", message="token ids")
        self.assert_error(self.embed([[1, 2], [3]]), 400, param="input", message="token ids")
        self.assert_error(self.embed(["a", 1]), 422, param="input[1]", message="expected string")
        self.assert_error(self.embed({"a": 1}), 422, param="input")
        self.assert_error(self.embed(7), 422, param="input")
        self.assert_error(self.embed([]), 400, param="input")
        self.assert_error(self.embed(""), 400, param="input[0]")
        self.assert_error(self.embed(["a", " \n"]), 400, param="input[1]", message="empty")
        self.assert_error(self.embed(["a"] * (LIMIT + 1)), 400, param="input", message="2049")
        self.assertEqual(len(self.embed(["a"] * LIMIT).json["data"]), LIMIT)
        self.assert_error(self.hostler.post("/v1/embeddings", {"model": "emb"}), 422, param="input")

    def test_the_model_must_be_of_the_type(self):
        for model in ("rank", "sparse", "voice"):
            self.assert_error(self.embed("x", model=model), 400, param="model", message="does not make vectors")
        self.assert_error(self.embed("x", model="nobody"), 404)
        self.assertEqual(self.hostler.model("voice")["state"], "unloaded")

    def test_other_fields_are_passed_over_and_named(self):
        answer = self.embed("x", user="somebody", frobnicate=1)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["X-Hostler-Ignored-Fields"], "frobnicate")

    def test_queries_and_documents_are_marked_as_the_model_wants_it(self):
        e5 = {"model": "intfloat/e5-small-v2"}
        for word, prefix in (("query", "query: "), ("search_query", "query: "), ("passage", "passage: "), ("document", "passage: "),
                             ("search_document", "passage: ")):
            got = self.embed("a cat", input_type=word, **e5).json["data"][0]["embedding"]
            self.assert_near(got, vector(prefix + "a cat", 64))
        self.assert_near(self.embed("a cat", **e5).json["data"][0]["embedding"], vector("a cat", 64))
        self.assert_error(self.embed("x", input_type="poem", **e5), 400, param="input_type")
        self.assert_error(self.embed("x", instruction="Rhyme.", **e5), 400, param="instruction", message="follows no instruction")

    def test_instructions_go_before_queries(self):
        qwen = {"model": "Qwen/Qwen3-Embedding-0.6B"}
        own = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:a cat"
        self.assert_near(self.embed("a cat", input_type="query", **qwen).json["data"][0]["embedding"], vector(own, 64))
        other = self.embed("a cat", input_type="query", instruction="Find pets", **qwen).json["data"][0]["embedding"]
        self.assert_near(other, vector("Instruct: Find pets\nQuery:a cat", 64))
        self.assert_near(self.embed("a cat", input_type="document", **qwen).json["data"][0]["embedding"], vector("a cat", 64))
        self.assert_error(self.embed("x", input_type="document", instruction="Find pets", **qwen), 400, param="instruction")


class Reranking(Vectors):
    DOCUMENTS = ["blue sky", "a black cat", "a cat in the sky", "nothing"]

    def rank(self, path="/v1/rerank", **more):
        return self.hostler.post(path, {"model": "rank", "query": "cat in sky", "documents": self.DOCUMENTS, **more})

    def test_best_first_as_jina_answers(self):
        for path in ("/v1/rerank", "/rerank"):
            answer = self.rank(path)
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(set(answer.json), {"model", "object", "usage", "results"})
            self.assertEqual(answer.json["usage"]["total_tokens"], 4 * 3 + 2 + 3 + 5 + 1)
            self.assertEqual([place["index"] for place in answer.json["results"]], [2, 0, 1, 3])
            for place, shared in zip(answer.json["results"], (3, 1, 1, 0)):
                self.assertEqual(set(place), {"index", "relevance_score"})
                self.assertAlmostEqual(place["relevance_score"], sigmoid(shared - 0.5), places=6)

    def test_probabilities_stay_what_they_are(self):
        """Some models put their scores between 0 and 1 themselves: once is enough."""
        hostler = self.start(house.fake("sure", type="reranker", probabilities=True))
        answer = hostler.post("/v1/rerank", {"model": "sure", "query": "a red cat", "documents": ["a red cat", "b"]})
        self.assertEqual([place["relevance_score"] for place in answer.json["results"]], [2.5, -0.5])

    def test_raw_scores_are_the_models_own(self):
        self.assertEqual([place["relevance_score"] for place in self.rank(raw_scores=True).json["results"]], [2.5, 0.5, 0.5, -0.5])

    def test_documents_come_back_if_asked_for(self):
        answer = self.rank(return_documents=True, top_n=2, documents=["a dog", {"text": "cat in sky", "title": "x"}, {"text": "the sky"}])
        self.assertEqual([(place["index"], place["document"]) for place in answer.json["results"]], [(1, {"text": "cat in sky"}), (2, {"text": "the sky"})])
        self.assertEqual(len(self.rank(top_n=0).json["results"]), 4)
        self.assertEqual(len(self.rank(top_n=99).json["results"]), 4)

    def test_as_cohere_answers(self):
        answer = self.rank("/v2/rerank", top_n=1, max_tokens_per_doc=4096)
        self.assertEqual(set(answer.json), {"id", "results", "meta"})
        self.assertEqual(set(answer.json["results"][0]), {"index", "relevance_score"})
        self.assertEqual(answer.json["meta"]["api_version"], {"version": "2"})

    def test_as_text_embeddings_inference_answers(self):
        answer = self.hostler.post("/rerank", {"model": "rank", "query": "cat", "texts": ["dog", "cat"], "return_text": True, "raw_scores": True})
        self.assertEqual(answer.json, [{"index": 1, "score": 0.5, "text": "cat"}, {"index": 0, "score": -0.5, "text": "dog"}])

    def test_what_is_wrong_is_said(self):
        self.assert_error(self.rank(query=" "), 400, param="query")
        self.assert_error(self.rank(documents=[]), 400, param="documents")
        self.assert_error(self.rank(documents=None), 422, param="documents")
        self.assert_error(self.rank(texts=["a"]), 422, param="documents")
        self.assert_error(self.rank(documents=["a", {"image": "x"}]), 422, param="documents[1]")
        self.assert_error(self.rank(top_n=-1), 400, param="top_n")
        self.assert_error(self.rank(model="emb"), 400, param="model", message="does not rank")
        self.assert_error(self.rank(documents=["a"] * 40 + ["a b c d e f g"]), 400, param="documents[40]")
        self.assertEqual(self.rank(documents=["a", "a b c d e f g"], truncate=True).status, 200)


class Sparse(Vectors):
    def embed(self, input, **more):
        return self.hostler.post("/v1/sparse-embeddings", {"model": "sparse", "input": input, **more})

    def test_weights_of_the_vocabulary(self):
        answer = self.embed(["a cat a", "dog"], return_tokens=True)
        self.assertEqual(answer.status, 200, answer)
        first = answer.json["data"][0]
        self.assertEqual((first["object"], first["index"], answer.json["object"], answer.json["model"]), ("sparse_embedding", 0, "list", "sparse"))
        weights = {fnv1a("a") % 30000: (2, "a"), fnv1a("cat") % 30000: (1, "cat")}
        self.assertEqual(first["indices"], sorted(weights))
        self.assertEqual(list(zip(first["values"], first["tokens"])), [weights[i] for i in sorted(weights)])
        self.assertEqual(answer.json["usage"], {"prompt_tokens": 4, "total_tokens": 4})
        self.assertNotIn("tokens", self.embed("a").json["data"][0])
        self.assertEqual(self.hostler.post("/v1/embeddings/sparse", {"model": "sparse", "input": ["dog"]}).json["data"][0]["values"], [1])

    def test_the_largest_weights_only(self):
        item = self.embed("a a a cat cat dog", top_k=2, return_tokens=True).json["data"][0]
        self.assertEqual(sorted(zip(item["values"], item["tokens"])), [(2, "cat"), (3, "a")])
        self.assert_error(self.embed("a", top_k=0), 400, param="top_k")

    def test_as_text_embeddings_inference_answers(self):
        for path, body in (("/embed_sparse?model=sparse", {}), ("/embed_sparse", {"model": "sparse"})):
            answer = self.hostler.post(path, {"inputs": ["dog", "a a"], "prompt_name": "x", **body})
            self.assertEqual(answer.json, [[{"index": fnv1a("dog") % 30000, "value": 1}], [{"index": fnv1a("a") % 30000, "value": 2}]])
        self.assertEqual(self.hostler.load("sparse").status, 200)
        self.assertEqual(self.hostler.post("/embed_sparse", {"inputs": "dog"}).status, 200)  # the only one that is loaded

    def test_what_is_wrong_is_said(self):
        self.assert_error(self.embed(["a", "a b c d e f g"]), 400, param="input[1]", message="7 tokens")
        self.assertEqual(self.embed("a b c d e f g", truncate=True).json["usage"]["total_tokens"], 6)
        self.assert_error(self.hostler.post("/v1/sparse-embeddings", {"model": "sparse", "inputs": ["a"]}), 422, param="input")
        self.assert_error(self.hostler.post("/v1/sparse-embeddings", {"model": "emb", "input": "a"}), 400, param="model")


class Engines(house.Test):
    def test_a_client_that_leaves_stops_the_work(self):
        hostler = self.start(house.fake("slow", type="embedding", chunk_ms=600_000))
        hostler.load("slow")
        with hostler.events("/logs/stream") as events:
            body = json.dumps({"model": "slow", "input": [f"text {i}" for i in range(100)]}).encode()
            raw = hostler.socket(b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            events.until_log("call 1: embed, 32 texts")
            raw.shutdown(socket.SHUT_RDWR)
            raw.close()
            events.until_log("Embedding cancelled")
        self.assertFalse([line for line in hostler.logs(lines=1000) if "call 2" in line["message"]])

    def test_an_engine_that_dies_is_named(self):
        hostler = self.start(house.fake("dies", type="reranker", crash_at_chunk=0), house.fake("lives", type="embedding"))
        answer = hostler.post("/v1/rerank", {"model": "dies", "query": "q", "documents": ["a"]})
        self.assert_error(answer, 502, message="died")
        self.assertIn("scores of 1 documents", json.dumps(hostler.wait_for_crash("dies")))
        self.assertEqual(hostler.post("/v1/embeddings", {"model": "lives", "input": "a"}).status, 200)

    def test_without_a_name(self):
        hostler = self.start(house.fake("one", type="embedding"), house.fake("two", type="embedding"))
        # The catalogue's default, if an engine for it was built: it is not there yet, and nobody chose another in its place.
        answer = hostler.post("/v1/embeddings", {"input": "a"})
        self.assert_error(answer, 409 if "Qwen" in answer.text else 400, param="model", message="is not downloaded|no default")
        hostler.load("two")
        self.assertEqual(hostler.post("/v1/embeddings", {"input": "a"}).json["model"], "two")

    def test_a_crowd_gets_what_each_of_it_would_get_alone(self):
        hostler = self.start(house.fake("emb", type="embedding", chunk_ms=5, batch=16), models__autoload=True)
        hostler.load("emb")

        def one(i):
            text = f"client {i} says {i * i}"
            for _ in range(3):
                got = hostler.post("/v1/embeddings", {"model": "emb", "input": text}).json["data"][0]["embedding"]
                for a, b in zip(got, vector(text)):
                    self.assertAlmostEqual(a, b, places=6)

        house.in_threads([lambda i=i: one(i) for i in range(32)])
        calls = [line["message"] for line in hostler.logs(lines=10_000) if " call " in line["message"]]
        self.assertLess(len(calls), 96, "nothing was gathered")

    def test_the_command_line(self):
        hostler = self.start(house.fake("emb", type="embedding"), house.fake("rank", type="reranker"), house.fake("sparse", type="splade"))
        say = lambda *command: house.subprocess.run([house.HOSTLER, *command, "--server", hostler.url], capture_output=True, text=True, check=True,
                                                    env=hostler.environment).stdout
        for got, wanted in zip(json.loads(say("embed", "a cat", "--model", "emb")), vector("a cat")):
            self.assertAlmostEqual(got, wanted, places=6)
        self.assertEqual(say("embed", "--sparse", "cat cat dog", "--model", "sparse"), "cat 2.00  dog 1.00\n")
        lines = say("rerank", "cat", "a dog", "a cat", "--model", "rank").splitlines()
        self.assertEqual([line.split()[-1] for line in lines[1:]], ["cat", "dog"])


MODELS = house.BIN.parent / "models"


@unittest.skipUnless((house.BIN / "llama-server").exists(), "llama-server was not built")
class LlamaServer(house.Test):
    """GGUF models with random weights: hostler's numbers are llama-server's own, asked for on its socket."""

    TEXTS = ["the cat", "paris is the capital of france", "what is a dog?", "of of of", "x"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        native = (house.BIN / "llama-server").resolve().parent
        cls.hostler = cls.start_shared(
            {"id": "bert", "type": "embedding", "engine": "llama-server", "path": str(MODELS / "tiny_bert/tiny-bert.gguf")},
            {"id": "rerank", "type": "reranker", "engine": "llama-server", "path": str(MODELS / "tiny_rerank/tiny-rerank.gguf")},
            environment={"HOSTLER_GGML_CPU": str(native / "libggml-cpu-haswell.so")})

    def ask_it(self, model, route, body):
        """What the server itself says, past hostler."""
        self.assertEqual(self.hostler.load(model).status, 200)
        commands = [command for _, command in house.processes_of(self.hostler.home) if re.search(rf"tiny-(re)?{model}\.gguf", command)]
        connection = http.client.HTTPConnection("localhost", timeout=house.LONG)
        connection.sock = socket.socket(socket.AF_UNIX)
        # The server knows its socket by a path of its own.
        name = re.search(r"--host \S*/(\S+)", commands[0])[1]
        connection.sock.connect(str(self.hostler.home / "run/engines" / name))
        connection.request("POST", route, json.dumps(body), {"Content-Type": "application/json"})
        answer = house.Answer(connection.getresponse())
        connection.close()
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def test_embeddings(self):
        theirs = self.ask_it("bert", "/v1/embeddings", {"input": self.TEXTS})
        ours = self.hostler.post("/v1/embeddings", {"model": "bert", "input": self.TEXTS}).json
        self.assertEqual(ours["usage"]["prompt_tokens"], theirs["usage"]["prompt_tokens"])
        for a, b in zip(ours["data"], sorted(theirs["data"], key=lambda item: item["index"])):
            self.assertEqual(len(a["embedding"]), len(b["embedding"]))
            for x, y in zip(a["embedding"], b["embedding"]):
                self.assertAlmostEqual(x, y, places=6)
            self.assertAlmostEqual(sum(x * x for x in a["embedding"]), 1, places=5)
        packed = self.hostler.post("/v1/embeddings", {"model": "bert", "input": self.TEXTS[0], "encoding_format": "base64"}).json
        self.assertEqual(len(base64.b64decode(packed["data"][0]["embedding"])), 4 * len(ours["data"][0]["embedding"]))

    def test_scores(self):
        request = {"query": "the capital of france", "documents": self.TEXTS}
        theirs = {item["index"]: item["relevance_score"] for item in self.ask_it("rerank", "/v1/rerank", request)["results"]}
        raw = self.hostler.post("/v1/rerank", {"model": "rerank", "raw_scores": True, **request}).json["results"]
        self.assertEqual([place["index"] for place in raw], sorted(theirs, key=lambda index: -theirs[index]))
        for place, smooth in zip(raw, self.hostler.post("/v1/rerank", {"model": "rerank", **request}).json["results"]):
            self.assertAlmostEqual(place["relevance_score"], theirs[place["index"]], places=4)
            self.assertAlmostEqual(smooth["relevance_score"], sigmoid(theirs[place["index"]]), places=4)

    def test_texts_that_are_too_long(self):
        long = "the cat " * 600
        self.assert_error(self.hostler.post("/v1/embeddings", {"model": "bert", "input": ["a", long]}), 400, code="input_too_long", param="input[1]")
        self.assertEqual(self.hostler.post("/v1/embeddings", {"model": "bert", "input": ["a", long], "truncate": True}).status, 200)

    def test_a_crowd(self):
        alone = [self.hostler.post("/v1/embeddings", {"model": "bert", "input": text}).json["data"][0]["embedding"] for text in self.TEXTS]

        def one(i):
            got = self.hostler.post("/v1/embeddings", {"model": "bert", "input": self.TEXTS[i % len(self.TEXTS)]}).json["data"][0]["embedding"]
            for x, y in zip(got, alone[i % len(self.TEXTS)]):
                self.assertAlmostEqual(x, y, places=4)

        house.in_threads([lambda i=i: one(i) for i in range(32)])


if __name__ == "__main__":
    house.main()
