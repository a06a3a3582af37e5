#!/usr/bin/python3
"""What hostler does with a text before a model speaks it, and with the sound after: SSML, pronunciation, silence, loudness, presets."""

import os
import subprocess
import unittest

import house
import sounds
from house import fake

PER_CHARACTER = 800 / 16000  # seconds of the fake engine's tone


class Ssml(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("one"))

    def say(self, text, query="", **body):
        return self.hostler.post("/v1/audio/speech" + query, {"input": text, "model": "one", "response_format": "pcm", "input_type": "ssml", **body})

    def test_breaks_are_silence_of_that_length(self):
        answer = self.say('<speak>one<break time="500ms"/>two<break time="1s"/>three</speak>')
        self.assertEqual(answer.status, 200, answer)
        (first, short), (second, long) = sounds.silences(answer.body)
        self.assertAlmostEqual(first, 3 * PER_CHARACTER, delta=0.02)
        self.assertAlmostEqual(short, 0.5, delta=0.02)
        self.assertAlmostEqual(second, 6 * PER_CHARACTER + 0.5, delta=0.02)
        self.assertAlmostEqual(long, 1, delta=0.02)
        self.assertAlmostEqual(sounds.seconds(answer.body), 11 * PER_CHARACTER + 1.5, delta=0.02)

    def test_tags_are_not_spoken(self):
        marked = self.say('<p><emphasis level="strong">Tom</emphasis> &amp; J</p>')
        self.assertAlmostEqual(sounds.seconds(marked.body), len("Tom & J") * PER_CHARACTER, delta=0.02)
        plain = self.say("<b>x</b>", input_type="text")
        self.assertAlmostEqual(sounds.seconds(plain.body), len("<b>x</b>") * PER_CHARACTER, delta=0.02)

    def test_of_a_real_voice(self):
        said = lambda text: self.say(text, "?stream=false", model="espeak")  # noqa: E731
        together, parted = said("three one"), said('three<break time="2s"/>one')
        self.assertGreater(sounds.seconds(parted.body), sounds.seconds(together.body) + 1.8)
        self.assertGreater(max(length for _, length in sounds.silences(parted.body)), 1.9)

    def test_wrong_marks(self):
        self.assert_error(self.say("a<break"), 422, "validation_error", "input", "character 2")
        self.assert_error(self.say('a<break time="1 hour"/>'), 422, "validation_error", "input")
        self.assert_error(self.say("<speak/>"), 422, "validation_error", "input")
        self.assert_error(self.say("a" + '<break time="10s"/>a' * 10), 422, "validation_error", "input")
        self.assert_error(self.say("x", input_type="html"), 400, param="input_type")

    def test_a_client_that_leaves_in_a_pause_ends_it(self):
        connection, response = self.hostler.open("POST", "/v1/audio/speech", {"input": "a<break time='5s'/>" * 5 + "b", "model": "one", "input_type": "ssml", "response_format": "wav"})
        response.read(100)
        connection.close()
        response.close()
        house.eventually(lambda: self.hostler.model("one")["leases"] == 0, "the lease to come back")


class Dying(house.Test):
    def test_an_engine_that_dies_between_two_stretches_cuts_the_stream_and_nothing_else(self):
        hostler = self.start(fake("dies", crash_at_chunk=3), fake("one"))
        text = "abc<break time='10ms'/>abcdefgh"  # two chunks, then four
        connection, response = hostler.open("POST", "/v1/audio/speech", {"input": text, "model": "dies", "input_type": "ssml", "response_format": "pcm"})
        self.assertEqual(response.status, 200)
        self.assertGreaterEqual(len(self.assert_cut(response)), 3 * PER_CHARACTER * 48000)
        connection.close()
        self.assertEqual(hostler.wait_for_crash("dies")["model"], "dies")
        self.assertEqual(hostler.speak("one").status, 200)
        whole = hostler.post("/v1/audio/speech?stream=false", {"input": text, "model": "dies", "input_type": "ssml"})
        self.assert_error(whole, 502)


class Pronunciation(house.Test):
    def new_with(self, key, text, name):
        """A hostler that is not started yet, and its file; names in the configuration are relative to the home."""
        hostler = self.new(fake("one"), **{key: name})
        self.file = hostler.home / name
        self.file.write_text(text)
        return hostler

    def start_with(self, text, name="words.toml"):
        return self.begin(self.new_with("speech.dictionary", text, name))

    def begin(self, hostler):
        self.addCleanup(self.finish, hostler)
        return hostler.start()

    def length(self, hostler, text, **body):
        answer = hostler.speak("one", text, **body)
        self.assertEqual(answer.status, 200, answer)
        return round(sounds.seconds(answer.body) / PER_CHARACTER)

    def test_words_are_said_as_the_file_says(self):
        hostler = self.start_with('sql = "sequel"\nGIF = "jiff!"\n')
        self.assertEqual(self.length(hostler, "mysql"), 5)
        self.assertEqual(self.length(hostler, "SQL"), 6)
        self.assertEqual(self.length(hostler, "gif GIF"), len("gif jiff!"))
        self.assertEqual(self.length(hostler, "<b>sql</b>", input_type="ssml"), 6)

    def test_a_change_is_seen_at_once_and_a_mistake_is_told(self):
        hostler = self.start_with('a = "bb"\n')
        self.assertEqual(self.length(hostler, "a"), 2)
        self.file.write_text('a = "bbbb"\n')
        self.assertEqual(self.length(hostler, "a"), 4)
        self.file.write_text('a = "bbbb"\nb = 5\n')
        self.assertEqual(self.length(hostler, "a"), 4)
        self.assertEqual(self.length(hostler, "a"), 4)
        lines = [line["message"] for line in hostler.logs(q="speech.dictionary")]
        self.assertEqual(len(lines), 1)
        self.assertIn("words.toml:2: b: expected what is said, got 5", lines[0])
        os.unlink(self.file)
        self.assertEqual(self.length(hostler, "a"), 4)

    def test_in_json(self):
        hostler = self.start_with('{"kHz": {"say": "kilohertz", "part": true}}', "words.json")
        self.assertEqual(self.length(hostler, "5kHz"), len("5kilohertz"))

    def test_a_wrong_file_is_an_error_at_the_start(self):
        wrong = self.new_with("speech.dictionary", 'a = "b"\nc = [1]\n', "words.toml")
        missing = self.new_with("speech.presets", "", "none.toml")
        self.file.unlink()
        for hostler, message in ((wrong, r"words\.toml:2: c: expected"), (missing, "none.toml")):
            done = subprocess.run([house.HOSTLER, "serve", "--port", "0", "--home", hostler.home], env=hostler.environment, capture_output=True, text=True, timeout=house.LONG)
            self.assertEqual(done.returncode, 2, done)
            self.assertRegex(done.stderr, message)

    def test_presets(self):
        text = '[[preset]]\nname = "Butler"\nvoice = "en-gb-x-rp"\nspeed = 0.9\ndescription = "Dignified."\n'
        hostler = self.begin(self.new_with("speech.presets", text, "presets.toml"))
        self.assertEqual(hostler.get("/api/voice-presets").json, {"presets": [{"name": "Butler", "voice": "en-gb-x-rp", "speed": 0.9, "description": "Dignified."}]})
        self.file.write_text("[[preset]]\nname = 5\n")
        self.assert_error(hostler.get("/api/voice-presets"), 400, message="presets.toml:2")
        self.assertEqual(self.start().get("/api/voice-presets").json, {"presets": []})


class Sound(house.Test):
    def test_silence_is_cut_at_the_edges(self):
        models = [fake("one", silence_ms=400)]
        ask = {"input": "hello there", "model": "one", "response_format": "pcm"}
        as_made = self.start(*models).post("/v1/audio/speech", ask).body
        hostler = self.start(*models, **{"speech.trim_silence": True})
        self.assertAlmostEqual(sounds.seconds(as_made), 11 * PER_CHARACTER + 0.8, delta=0.02)
        for query in ("", "?stream=false"):
            cut = hostler.post("/v1/audio/speech" + query, ask).body
            self.assertAlmostEqual(sounds.seconds(cut), 11 * PER_CHARACTER + 0.01, delta=0.01)
        paused = hostler.post("/v1/audio/speech", {**ask, "input": "one<break time='1s'/>two", "input_type": "ssml"}).body
        self.assertGreater(max(length for _, length in sounds.silences(paused)), 1.7, "what is not at an edge stays")

    def test_whole_speech_has_a_common_peak(self):
        hostler = self.start(fake("one"), **{"speech.normalize": True})
        ask = {"input": "hello there", "model": "one", "response_format": "wav"}
        peak = lambda query: max(map(abs, sounds.samples_of(hostler.post("/v1/audio/speech" + query, ask).body[44:])))  # noqa: E731
        self.assertEqual(peak("?stream=false"), round(0.95 * 32767))
        self.assertEqual(peak(""), 8000, "a stream is as the model made it")


class Doors(house.Test):
    def test_a_place_for_websockets(self):
        answer = self.start().get("/v1/audio/stream")
        self.assert_error(answer, 426, "websocket_upgrade_required")
        self.assertEqual((answer.headers["Upgrade"], answer.reason), ("websocket", "Upgrade Required"))


if __name__ == "__main__":
    unittest.main()
