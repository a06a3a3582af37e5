#!/usr/bin/python3
"""Engines that misbehave: each failure gets the right status or a cut stream, a reason with a remedy, and stays with its model."""

import os
import signal

import house
from house import fake

KINDS = ("json", "truncated", "status")  # of nonsense that the fake engine can answer


class Loading(house.Test):
    """Failures before the model is there."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(
            fake("well"),
            fake("fails", load_fail="the weights are broken"),
            fake("crashes", load_crash=int(signal.SIGSEGV)),
            fake("hangs", load_hang=True),
            *[fake(f"{route}-{kind}", garbage_answer=route, garbage_kind=kind) for route in ("capabilities", "voices") for kind in KINDS],
            engines__load_timeout_s=1 * house.PATIENCE, engines__stop_timeout_s=0.5)
        assert cls.hostler.speak("well").status == 200

    def tearDown(self):
        self.assertEqual(self.hostler.speak("well").status, 200)  # the others are untouched

    def test_a_load_that_fails_says_why(self):
        error = self.assert_error(self.hostler.load("fails"), 500, "load_failed", remedy=True)
        self.assertIn("the weights are broken", error["message"])
        row = self.hostler.model("fails")
        self.assertEqual(row["state"], "error")
        self.assertIn("the weights are broken", row["error"])
        self.assertEqual(self.hostler.crashes("fails"), [])  # the engine did not crash
        self.assertEqual(self.hostler.unload("fails").json["outcome"], "unloaded")  # dismisses the error
        self.assertEqual(self.hostler.model("fails")["state"], "unloaded")

    def test_a_load_that_crashes_leaves_a_dossier(self):
        error = self.assert_error(self.hostler.load("crashes"), 500, "load_failed")
        self.assertIn("SIGSEGV", error["message"])
        dossier = self.hostler.wait_for_crash("crashes")
        self.assertEqual((dossier["phase"], dossier["exit"]["signalled"], dossier["exit"]["status"]), ("loading", True, int(signal.SIGSEGV)))
        self.assertEqual(dossier["options"], {"load_crash": int(signal.SIGSEGV)})

    def test_a_load_that_never_ends_is_given_up(self):
        error = self.assert_error(self.hostler.load("hangs"), 504, "load_failed")
        self.assertIn("load_timeout_s", error["remedy"])
        self.assertEqual(self.hostler.model("hangs")["state"], "error")
        self.assertIsNone(self.hostler.model("hangs")["pid"])

    def test_nonsense_instead_of_an_answer_is_a_failed_load(self):
        for route in ("capabilities", "voices"):
            for kind in KINDS:
                with self.subTest(route=route, kind=kind):
                    model = f"{route}-{kind}"
                    self.assert_error(self.hostler.load(model), 500, "load_failed")
                    self.assertEqual(self.hostler.model(model)["state"], "error")
                    self.assertIsNone(self.hostler.model(model)["pid"])


class Starting(house.Test):
    """Failures of the process itself, before it was asked to load anything."""

    def fail_to_start(self, fake_environment, **settings):
        hostler = self.start(fake("one"), environment={"HOSTLER_FAKE": fake_environment}, **settings)
        answer = hostler.load("one")
        self.assertEqual(hostler.model("one")["state"], "error")
        self.assertEqual(hostler.speak("espeak").status, 200)
        return hostler, answer

    def test_an_engine_that_ends_at_once(self):
        hostler, answer = self.fail_to_start('{"startup_exit": 7}')
        self.assertIn("status 7", self.assert_error(answer, 500, "load_failed")["message"])
        dossier = hostler.wait_for_crash("one")
        self.assertEqual((dossier["phase"], dossier["exit"]["signalled"], dossier["exit"]["status"]), ("starting", False, 7))

    def test_an_engine_that_greets_too_late(self):
        _, answer = self.fail_to_start('{"slow_health_ms": 60000}', engines__start_timeout_s=0.5 * house.PATIENCE)
        self.assert_error(answer, 504)

    def test_an_engine_that_greets_or_loads_with_nonsense(self):
        for route in ("health", "load"):
            for kind in KINDS:
                with self.subTest(route=route, kind=kind):
                    _, answer = self.fail_to_start('{"garbage_answer": "%s", "garbage_kind": "%s"}' % (route, kind))
                    self.assert_error(answer, 500, "load_failed")

    def test_an_engine_that_does_not_speak_http(self):
        _, answer = self.fail_to_start('{"raw_garbage": true}')
        self.assert_error(answer, 500, "load_failed")

    def test_an_engine_that_is_not_there(self):
        hostler = self.start({"id": "absent", "type": "tts", "engine": "/nowhere/hostler-engine-x"})
        self.assert_error(hostler.load("absent"), 400, "provider_missing")
        self.assert_error(hostler.speak("absent"), 400, "provider_missing")
        self.assertEqual(hostler.model("absent")["badge"], "⚠ Not available (rebuild image)")


ENDS = {  # option: exit, as the dossier tells it
    "crash_at_chunk": (True, int(signal.SIGSEGV)),
    "abort_at_chunk": (True, int(signal.SIGABRT)),
    "exit_at_chunk": (False, 3),
}


class Working(house.Test):
    """Failures while a request is under way."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        misbehaving = [fake(f"{option}-{chunk}", **{option: chunk, "chunks": 6, "chunk_ms": 20})
                       for option in [*ENDS, "fail_at_chunk"] for chunk in (0, 3, 6)]
        garbage = [fake(f"generate-{kind}", garbage_answer="generate", garbage_kind=kind) for kind in KINDS]
        cls.hostler = cls.start_shared(fake("well"), *misbehaving, *garbage)

    def tearDown(self):
        self.assertEqual(self.hostler.speak("well").status, 200)

    def open_speech(self, model):
        return self.hostler.open("POST", "/v1/audio/speech", {"model": model, "input": "hello", "response_format": "pcm"})

    def assert_dossier(self, model, option):
        dossier = self.hostler.wait_for_crash(model)
        self.assertEqual((dossier["exit"]["signalled"], dossier["exit"]["status"]), ENDS[option], dossier)
        self.assertEqual(dossier["phase"], "working")
        self.assertEqual(dossier["active_requests"], 1)
        self.assertTrue(any("request 1 starts" in line for line in dossier["last_lines"]), dossier["last_lines"])
        self.assertTrue(dossier["next"])

    def test_an_end_before_the_first_byte_is_an_error(self):
        for option in ENDS:
            with self.subTest(option=option), self.hostler.events() as events:
                model = option + "-0"
                error = self.assert_error(self.hostler.speak(model), 502)
                self.assertIn("died", error["message"])
                events.until_state(model, "error")
                self.assert_dossier(model, option)

    def test_an_end_after_the_first_byte_cuts_the_stream(self):
        for option in ENDS:
            for chunk in (3, 6):
                with self.subTest(option=option, chunk=chunk):
                    model = f"{option}-{chunk}"
                    connection, response = self.open_speech(model)
                    self.assertEqual(response.status, 200)
                    self.assertTrue(self.assert_cut(response))
                    connection.close()
                    self.assert_dossier(model, option)

    def test_a_failure_before_the_first_byte_is_an_error(self):
        self.assert_error(self.hostler.speak("fail_at_chunk-0"), 500, message="told to fail at chunk 0")
        self.assertEqual(self.hostler.model("fail_at_chunk-0")["state"], "loaded")  # a failed request is no crash
        self.assertEqual(self.hostler.crashes("fail_at_chunk-0"), [])

    def test_a_failure_after_the_first_byte_cuts_the_stream(self):
        for chunk in (3, 6):
            with self.subTest(chunk=chunk):
                connection, response = self.open_speech(f"fail_at_chunk-{chunk}")
                self.assertEqual(response.status, 200)
                self.assert_cut(response)
                connection.close()
                self.assertEqual(self.hostler.model(f"fail_at_chunk-{chunk}")["state"], "loaded")

    def test_nonsense_instead_of_audio(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.assert_error(self.hostler.speak("generate-" + kind), 502)


class ComingBack(house.Test):
    def test_a_crashed_model_comes_back_with_the_next_request(self):
        hostler = self.start(fake("one", chunks=4))
        self.assertEqual(hostler.speak("one").status, 200)
        with hostler.events() as events:
            os.kill(hostler.model("one")["pid"], signal.SIGKILL)
            events.until_state("one", "error")
        answer = hostler.speak("one")  # waits for the restart
        self.assertEqual((answer.status, len(answer.body)), (200, 4 * 1600 * 2 * 24000 // 16000))
        dossier = hostler.wait_for_crash("one")
        self.assertEqual((dossier["phase"], dossier["exit"]["text"]), ("idle", "signal 9 (SIGKILL)"))

    def test_after_three_crashes_it_stays_down_until_a_person_acts(self):
        hostler = self.start(fake("one"))
        hostler.load("one")
        for count in (1, 2, 3):
            with hostler.events() as events:
                os.kill(hostler.model("one")["pid"], signal.SIGSEGV)
                events.until_state("one", "error")
                if count < 3:
                    events.until_state("one", "loaded")  # by itself, after a pause
        error = self.assert_error(hostler.speak("one"), 503)
        self.assertIn("3 times", error["message"])
        self.assertIn("stays down", hostler.wait_for_crash("one", 3)["next"])
        self.assertEqual(hostler.load("one").json["outcome"], "loaded")
        self.assertEqual(hostler.speak("one").status, 200)


class Hanging(house.Test):
    def test_a_stalled_request_ends_with_its_client(self):
        hostler = self.start(fake("one", stall_at_chunk=2, chunks=4))
        with hostler.events("/events") as events:
            connection, response = hostler.open("POST", "/v1/audio/speech", {"model": "one", "input": "x", "response_format": "pcm"})
            self.assertTrue(response.read1(100))
            events.until_log("stalls at chunk 2")
            response.close()
            connection.close()
            events.until_log("request 1 cancelled")
        house.eventually(lambda: hostler.model("one")["leases"] == 0, "the lease to come back")
        self.assertEqual(hostler.model("one")["state"], "loaded")

    def test_an_idle_engine_that_no_longer_answers_is_killed_and_started_again(self):
        hostler = self.start(fake("one"), fake("well"), engines__health_interval_s=0.3)
        hostler.load("one")
        hostler.load("well")
        pid = hostler.model("one")["pid"]
        with hostler.events() as events:
            os.kill(pid, signal.SIGSTOP)
            self.assertEqual(hostler.speak("well").status, 200)
            events.until_state("one", "error")
            events.until_state("one", "loaded")
        self.assertNotEqual(hostler.model("one")["pid"], pid)
        self.assertIn("/health", hostler.wait_for_crash("one")["reason"])

    def test_a_busy_engine_that_is_stopped_is_killed_and_its_request_cut(self):
        hostler = self.start(fake("one", chunks=1000, chunk_ms=10), engines__health_interval_s=0.3)
        with hostler.events("/events?topics=state") as events:
            connection, response = hostler.open("POST", "/v1/audio/speech", {"model": "one", "input": "x", "response_format": "pcm"})
            self.addCleanup(connection.close)
            self.assertTrue(response.read1(100))
            os.kill(hostler.model("one")["pid"], signal.SIGSTOP)
            self.assert_cut(response)
            events.until_state("one", "error")
            events.until_state("one", "loaded")
        self.assertIn("stopped", hostler.wait_for_crash("one")["reason"])

    def test_an_engine_that_ignores_sigterm_is_killed_after_its_time(self):
        hostler = self.start(fake("one", ignore_sigterm=True), engines__stop_timeout_s=0.5)
        hostler.load("one")
        answer = hostler.unload("one")
        self.assertEqual((answer.status, answer.json["outcome"]), (200, "unloaded"))
        self.assertGreaterEqual(answer.json["unload_time_s"], 0.5)
        self.assertTrue(hostler.logs(q="SIGTERM and was killed"))
        self.assertEqual(house.processes_of(hostler.home), [])

    def test_a_grandchild_goes_with_its_engine(self):
        hostler = self.start(fake("one", spawn_helper=True))
        hostler.load("one")
        self.assertEqual(len(house.processes_of(hostler.home)), 2)
        hostler.unload("one")
        house.eventually(lambda: not house.processes_of(hostler.home), "the helper to end")

        hostler.load("one")
        with hostler.events() as events:
            os.kill(hostler.model("one")["pid"], signal.SIGKILL)
            events.until_state("one", "error")
        self.assertEqual([pid for pid, command in house.processes_of(hostler.home) if "sleep" in command], [])


class Babbling(house.Test):
    def test_what_an_engine_prints_disturbs_nobody(self):
        hostler = self.start(fake("one", babble_stdout=1_000_000, babble_stderr=20_000, babble_log=2_000, chunks=4))
        for _ in range(3):
            answer = hostler.speak("one")
            self.assertEqual((answer.status, len(answer.body)), (200, 4 * 1600 * 2 * 24000 // 16000))
        os.kill(hostler.model("one")["pid"], signal.SIGABRT)
        self.assertLessEqual(len(hostler.wait_for_crash("one")["last_lines"]), 200)


if __name__ == "__main__":
    house.main()
