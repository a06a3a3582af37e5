#!/usr/bin/python3
"""samples/: the voice library over HTTP and the command line, and by hand."""

import subprocess
import unittest

import house
import sounds
from house import fake

LIBRARY = "/api/voices/library"


class Library(house.Test):
    def setUp(self):
        self.hostler = self.start(fake("one"), **{"speech.max_samples": 3, "speech.max_reference_s": 5, "server.max_upload_mb": 2})
        self.folder = self.hostler.home / "samples"

    def add(self, name, audio=None):
        return self.hostler.form(LIBRARY, {"name": name, "audio": ("clip.wav", sounds.tone() if audio is None else audio)})

    def names(self):
        return [row["name"] for row in self.hostler.get(LIBRARY).json]

    def pitch(self, **body):
        answer = self.hostler.speak("one", **body)
        self.assertEqual(answer.status, 200, answer)
        return sounds.pitch_of(answer.body)

    def test_there_and_back(self):
        self.assertEqual(self.names(), [])
        tone = sounds.tone(280)
        stored = self.add("My Voice-2", tone)
        self.assertEqual(stored.status, 201, stored)
        self.assertEqual({key: stored.json[key] for key in ("name", "size_bytes", "content_type")}, {"name": "my_voice_2", "size_bytes": len(tone), "content_type": "audio/wav"})
        self.assertRegex(stored.json["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.assertEqual((self.folder / "my_voice_2.wav").read_bytes(), tone)
        self.assertEqual(self.hostler.get(LIBRARY).json, [stored.json])
        self.assertEqual(self.hostler.get(LIBRARY + "/my_voice_2").json, stored.json)
        audio = self.hostler.get(LIBRARY + "/my_voice_2/audio")
        self.assertEqual((audio.headers["Content-Type"], audio.body), ("audio/wav", tone))
        for body in ({"sample": "my_voice_2"}, {"sample": "My Voice-2"}):
            self.assertAlmostEqual(self.pitch(**body), 280, delta=8)
        form = self.hostler.form("/v1/audio/speech/clone", {"input": "hello", "model": "one", "response_format": "pcm", "voice_library_ref": "my_voice_2"})
        self.assertAlmostEqual(sounds.pitch_of(form.body), 280, delta=8)
        self.hostler.load("one")
        generated = self.hostler.post("/generate/clone", {"model_id": "one", "text": "hello there", "sample": "my_voice_2"})
        self.assertEqual(generated.status, 200, generated)
        self.assertAlmostEqual(sounds.pitch_of(generated.body, 16000), 280, delta=8)
        gone = self.hostler.ask("DELETE", LIBRARY + "/my_voice_2")
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.assertEqual((self.names(), list(self.folder.iterdir())), ([], []))
        self.assert_error(self.hostler.ask("DELETE", LIBRARY + "/my_voice_2"), 404, param="name")
        self.assert_error(self.hostler.get(LIBRARY + "/my_voice_2"), 404, param="name")
        self.assert_error(self.hostler.post("/generate/clone", {"model_id": "one", "text": "hello", "sample": "my_voice_2"}), 404, param="sample")

    def test_the_same_name_replaces(self):
        self.add("a", sounds.tone(150))
        self.assertEqual(self.add("A", sounds.tone(400)).status, 201)
        self.assertEqual(self.names(), ["a"])
        self.assertAlmostEqual(self.pitch(sample="a"), 400, delta=8)

    def test_other_formats_are_stored_as_wav(self):
        mp3 = self.hostler.post("/v1/audio/speech", {"input": "x" * 20, "model": "one", "voice": "fake-1"}).body
        self.assertEqual(self.add("from mp3", mp3).status, 201)
        stored = (self.folder / "from_mp3.wav").read_bytes()
        self.assertEqual((stored[:4], stored[8:12], int.from_bytes(stored[24:28], "little")), (b"RIFF", b"WAVE", 24000))
        self.assertAlmostEqual(self.pitch(sample="from_mp3"), 220, delta=8)

    def test_what_is_refused(self):
        for name in ("", "  ", "é", "../.."):
            self.assert_error(self.add(name), 422, "validation_error", "name")
        self.assert_error(self.add("a", b""), 422, "validation_error", "audio")
        self.assert_error(self.add("a", b"<html>" * 100), 422, "validation_error", "audio")
        self.assert_error(self.add("a", sounds.tone(seconds=0.2)), 422, "validation_error", "audio")
        self.assert_error(self.add("a", sounds.tone(seconds=6)), 413, param="audio")
        self.assert_error(self.add("a", b"x" * (3 << 20)), 413)
        self.assert_error(self.hostler.form(LIBRARY, {"name": "a"}), 422, "validation_error", "audio")
        self.assert_error(self.hostler.form(LIBRARY, {"audio": ("a.wav", sounds.tone())}), 422, "validation_error", "name")
        self.assert_error(self.hostler.form(LIBRARY, {"name": "a", "audio": ("a.wav", sounds.tone()), "mood": "x"}), 422, "validation_error", "mood")
        self.assertEqual(self.names(), [])

    def test_it_can_be_full(self):
        for name in "abc":
            self.assertEqual(self.add(name).status, 201)
        self.assert_error(self.add("d"), 422, "validation_error", "name", "no more than 3")
        self.assertEqual(self.add("a").status, 201)
        self.assertEqual(self.names(), ["a", "b", "c"])

    def test_names_stay_inside(self):
        self.assertEqual(self.add("../../etc/passwd").json["name"], "etcpasswd")
        secret = self.hostler.home / "secret.wav"
        secret.write_bytes(sounds.tone())
        (self.folder / "link.wav").symlink_to("../secret.wav")
        self.assertEqual(self.names(), ["etcpasswd"])
        for name in ("link", "..%2Fsecret", "%2e%2e%2fsecret.wav", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd"):
            for method, path in (("GET", ""), ("GET", "/audio"), ("DELETE", "")):
                self.assertEqual(self.hostler.ask(method, f"{LIBRARY}/{name}{path}").status, 404, name)
        for name in ("link", "../secret", "../secret.wav", "/etc/shadow"):
            self.assert_error(self.hostler.speak("one", sample=name), 404, param="sample")
        self.assertTrue(secret.exists())

    def test_put_there_by_hand(self):
        self.folder.mkdir(exist_ok=True)
        (self.folder / "Bob Smith.wav").write_bytes(sounds.tone(330))
        (self.folder / "notes.txt").write_text("not a recording")
        (self.folder / "broken.wav").write_bytes(b"junk")
        self.assertEqual(self.names(), ["Bob Smith", "broken"])
        self.assertAlmostEqual(self.pitch(sample="Bob Smith"), 330, delta=8)
        self.assert_error(self.hostler.speak("one", sample="broken"), 400, param="sample")
        self.assertEqual(self.hostler.ask("DELETE", LIBRARY + "/Bob%20Smith").status, 204)
        self.assertFalse((self.folder / "Bob Smith.wav").exists())

    def test_many_at_once(self):
        answers = []
        house.in_threads([lambda i=i: answers.append(self.add(f"voice {i}").status) for i in range(8)])
        self.assertEqual(sorted(answers), [201] * 3 + [422] * 5)
        self.assertEqual(len(list(self.folder.iterdir())), 3)

    def test_the_command_line(self):
        clip = self.hostler.home.parent / "Anna.wav"
        clip.write_bytes(sounds.tone(260))
        run = lambda *arguments: subprocess.run([house.HOSTLER, *arguments], env=self.hostler.environment, capture_output=True, text=True, timeout=house.LONG)  # noqa: E731
        done = run("samples", "add", clip)
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout, "^anna is stored")
        self.assertIn("anna", run("samples", "list").stdout)
        out = self.hostler.home.parent / "out.wav"
        for arguments in (("--sample", "anna"), ("--clone", str(clip), "--transcript", "la")):
            spoken = run("speak", "hello there", "--model", "one", *arguments, "-o", out)
            self.assertEqual(spoken.returncode, 0, spoken)
            self.assertAlmostEqual(sounds.pitch_of(out.read_bytes()[44:], 16000), 260, delta=8)
        designed = run("speak", "hello there", "--model", "one", "--design", "an old sailor", "-o", out)
        self.assertEqual(designed.returncode, 0, designed)
        self.assertAlmostEqual(sounds.pitch_of(out.read_bytes()[44:], 16000), 440, delta=8)
        self.assertEqual(run("speak", "x", "--clone", "/nowhere.wav", "-o", out).returncode, 4)
        self.assertEqual(run("speak", "x", "--model", "espeak", "--sample", "anna", "-o", out).returncode, 1)
        self.assertEqual(run("samples", "rm", "anna").returncode, 0)
        self.assertEqual(run("samples", "rm", "anna").returncode, 4)
        self.assertEqual(run("samples", "list").stdout, "no samples\n")


if __name__ == "__main__":
    unittest.main()
