#!/usr/bin/python3
"""Many clients, more models than fit: everybody is served, and never are more models in memory than allowed."""

import collections
import json
import random

import house
from house import fake

CLIENTS = 50
REQUESTS = 10  # of each client
MODELS = [f"voice-{i}" for i in range(5)]
ROOM = 2


class Memory:
    """Follows /events and counts who is in memory: from `loading` to `unloaded`."""

    def __init__(self, events):
        self.events, self.most, self.loads = events, 0, collections.Counter()
        self.watching = house.Background(self._watch)

    def _watch(self):
        inside = set()
        while (event := self.events.next()) is not None:
            state, model = event[2]["state"], event[2]["model"]
            if state == "loading":
                inside.add(model)
                self.loads[model] += 1
            elif state in ("unloaded", "error"):
                inside.discard(model)
            self.most = max(self.most, len(inside))


class Fleet(house.Test):
    def test_fifty_clients_share_room_for_two_of_five_models(self):
        hostler = self.start(*[fake(model, chunks=1, parallel=4) for model in MODELS], models__max_loaded=ROOM, models__evict="lru")
        memory = Memory(hostler.events())
        served = [collections.Counter() for _ in range(CLIENTS)]

        def client(number):
            choose = random.Random(number)
            connection = hostler.connection(4 * house.LONG)
            for _ in range(REQUESTS):
                model = choose.choice(MODELS)
                body = json.dumps({"model": model, "input": "hi", "response_format": "pcm"})
                connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
                answer = house.Answer(connection.getresponse())
                self.assertEqual((answer.status, len(answer.body)), (200, 4800), answer)
                self.assertEqual(answer.headers["X-Hostler-Model"], model)
                served[number][model] += 1
                self.assertLessEqual(len(hostler.loaded()), ROOM)
            connection.close()

        house.in_threads([lambda number=number: client(number) for number in range(CLIENTS)])
        total = sum(served, collections.Counter())
        self.assertEqual(sum(total.values()), CLIENTS * REQUESTS)
        self.assertEqual(set(total), set(MODELS))
        self.assertEqual(len(house.processes_of(hostler.home)), ROOM)

        hostler.terminate()
        self.assertEqual(hostler.wait(), 0)
        memory.watching.result()  # the event stream ended cleanly, with every change in it
        self.assertEqual(memory.most, ROOM)
        self.assertEqual(set(memory.loads), set(MODELS))
        print(f"{sum(memory.loads.values())} loads for {CLIENTS * REQUESTS} requests", flush=True)

    def test_without_eviction_a_third_model_is_refused_with_the_reason(self):
        hostler = self.start(*[fake(model) for model in MODELS], models__max_loaded=ROOM, models__evict="none")
        for model in MODELS[:ROOM]:
            self.assertEqual(hostler.speak(model).status, 200)
        error = self.assert_error(hostler.speak(MODELS[2]), 503, "no_room")
        self.assertIn("voice-0, voice-1", error["message"])
        self.assertIn("unload", error["remedy"].lower())
        hostler.unload(MODELS[0])
        self.assertEqual(hostler.speak(MODELS[2]).status, 200)

    def test_a_pinned_model_stays(self):
        hostler = self.start(fake("kept", pinned=True), *[fake(model) for model in MODELS], models__max_loaded=ROOM)
        hostler.load("kept")
        for model in MODELS:
            self.assertEqual(hostler.speak(model).status, 200)
            self.assertEqual(sorted(hostler.loaded()), sorted(["kept", model]))

    def test_a_running_request_is_finished_before_its_model_goes(self):
        hostler = self.start(fake("slow", chunks=10, chunk_ms=50), fake("next"), models__max_loaded=1)
        connection, response = hostler.open("POST", "/v1/audio/speech", {"model": "slow", "input": "x", "response_format": "pcm"})
        self.assertTrue(response.read1(1))
        with hostler.events() as events:
            other = house.Background(lambda: hostler.speak("next"))
            events.until_state("slow", "unloading")
            self.assertEqual(len(response.read()) + 1, 10 * 4800)
            self.assertEqual(other.result().status, 200)
        connection.close()

    def test_many_loads_of_one_model_are_one_load(self):
        hostler = self.start(fake("one", load_ms=200))
        with hostler.events() as events:
            answers = [house.Background(lambda: hostler.load("one")) for _ in range(10)]
            self.assertEqual({answer.result().status for answer in answers}, {200})
            events.until_state("one", "loaded")
        self.assertEqual(len(house.processes_of(hostler.home)), 1)

    def test_an_unused_model_idles_out(self):
        hostler = self.start(fake("one"), models__idle_timeout_s=0.3)
        with hostler.events() as events:
            self.assertEqual(hostler.speak("one").status, 200)
            _, _, data = events.until_state("one", "unloaded")
        self.assertIn("unused", data["reason"])


if __name__ == "__main__":
    house.main()
