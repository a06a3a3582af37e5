#!/usr/bin/python3
"""Engines of bare sockets that lie, stall, flood, hide, eat and multiply: each is contained, told and ended; the others go on."""

import os
import pathlib
import shutil
import signal
import tempfile

import house
import rogue
from house import fake


class Rogues(house.Test):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hostler-rogues-")
        self.addCleanup(shutil.rmtree, self.folder)

    def rogues(self, **models):
        return [rogue.model(self.folder, name, **code) for name, code in models.items()]

    def processes(self, *words):
        """Of this test: what its engines started carries the folder's name in its arguments."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if self.folder in command and all(word in command for word in words):
                found.append((int(path.parent.name), command))
        return found

    def helper(self, how):
        """Code that starts a process which says whose it is."""
        return f"subprocess.Popen(['/bin/sh', '-c', 'sleep 1000; : {self.folder} helper'], {how})"


class Answers(Rogues):
    def test_audio_that_is_none(self):
        hostler = self.start(*self.rogues(
            html=dict(generate="c.audio_head(6, type='text/html; charset=utf-8'); c.send(b'<html>')"),
            wav=dict(generate="c.audio_head(4, type='audio/wav'); c.send(b'RIFF')"),
            none=dict(generate="c.audio_head(rate=0); c.end()"),
            huge=dict(generate="c.audio_head(rate=99999999999); c.end()"),
            negative=dict(generate="c.audio_head(channels=-1); c.end()"),
            head=dict(generate="c.send(b'HTTP/1.1 200 OK\\r\\n')\nwhile True: c.send(b'X-A: ' + b'y' * 1000 + b'\\r\\n')"),
            error=dict(generate="c.head(500, 10**9, Content_Type='application/json'); c.send(bytes(10**6))")))
        for model in ("html", "wav", "none", "huge", "negative", "head", "error"):
            with self.subTest(model=model):
                self.assert_error(hostler.speak(model), 502)
                self.assertEqual(hostler.model(model)["state"], "loaded")

    def test_bytes_beyond_the_answer_are_nobodys(self):
        hostler = self.start(*self.rogues(long=dict(generate="""
            c.audio_head(3200)
            c.send(bytes(3200) + b"HTTP/1.1 200 OK\\r\\nContent-Length: 6400\\r\\nX-Sample-Rate: 16000\\r\\nX-Channels: 1\\r\\n\\r\\n" + bytes(6400))""")))
        for _ in range(5):
            answer = hostler.speak("long")
            self.assertEqual((answer.status, len(answer.body)), (200, 3200 * 24000 // 16000))

    def test_audio_that_ends_in_a_sample_is_cut(self):
        hostler = self.start(*self.rogues(
            odd=dict(generate="c.audio_head(); c.chunk(bytes(64000)); time.sleep(.1); c.chunk(b'x'); c.end()"),
            half=dict(generate="c.audio_head(128000); c.send(bytes(64000)); c.socket.shutdown(2)")))
        for model in ("odd", "half"):
            connection, response = hostler.open("POST", "/v1/audio/speech", {"model": model, "input": "x", "response_format": "pcm"})
            self.assertEqual(response.status, 200)
            self.assert_cut(response)
            connection.close()

    def test_endless_and_trickling_documents(self):
        endless = "c.head(200, Content_Type='application/json')\nwhile True: c.chunk(b' ' * 65536)"
        trickle = "c.head(200, Content_Type='application/json')\nwhile True:\n  c.chunk(b' ')\n  time.sleep(.05)"
        hostler = self.start(*self.rogues(**{
            f"{route}-{name}": {route: code}
            for route in ("health", "load", "capabilities", "voices") for name, code in (("endless", endless), ("trickle", trickle))},
            text=dict(type="stt", transcribe=endless)),
            engines__start_timeout_s=1, engines__load_timeout_s=0.1, engines__stop_timeout_s=0.5)
        models = [row["id"] for row in hostler.get("/models").json["models"] if row["id"].endswith(("-endless", "-trickle"))]
        self.assertEqual(len(models), 8)

        def load(model):
            answer = hostler.load(model)
            self.assert_error(answer, 504 if answer.status == 504 else 500, "load_failed")  # too late, or too long

        house.in_threads([lambda model=model: load(model) for model in models])
        self.assertEqual(house.processes_of(hostler.home), [])

    def test_a_transcript_without_end(self):
        hostler = self.start(*self.rogues(text=dict(type="stt", transcribe="c.head(200, Content_Type='application/json')\nwhile True: c.chunk(b' ' * 65536)")))
        audio = b"RIFF\x24\x7d\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\x7d\0\0" + bytes(32000)
        self.assert_error(hostler.transcribe(audio, model="text"), 502, message="larger than")


class Stages(Rogues):
    DIE = "os.kill(os.getpid(), signal.SIGKILL)"

    def test_an_end_at_each_stage(self):
        """At the start, with the first connection, at each question of a load: the load fails, names the signal, and the next one may be tried."""
        stages = ("begin", "accept", "health", "load", "capabilities", "voices")
        hostler = self.start(fake("well"), *self.rogues(**{stage: {stage: self.DIE} for stage in stages}))
        hostler.load("well")

        def load(stage):
            for count in (1, 2):
                self.assert_error(hostler.load(stage), 500, "load_failed", message="signal 9")
                hostler.wait_for_crash(stage, count)

        house.in_threads([lambda stage=stage: load(stage) for stage in stages])
        self.assertEqual(hostler.loaded(), ["well"])
        self.assertEqual(len(house.processes_of(hostler.home)), 1)

    def test_an_end_in_each_part_of_an_answer(self):
        parts = {"request": dict(body="if c.route == 'generate': " + self.DIE), "before": dict(generate=self.DIE),
                 "head": dict(generate="c.send(b'HTTP/1.1 200 OK\\r\\nX-Sam'); " + self.DIE),
                 "after-head": dict(generate="c.audio_head(); " + self.DIE)}
        hostler = self.start(*self.rogues(**parts))
        for part in parts:
            with self.subTest(part=part):
                self.assert_error(hostler.speak(part), 502, message="died while it worked")
                hostler.wait_for_crash(part)

    def test_stopped_while_it_loads(self):
        hostler = self.start(*self.rogues(frozen=dict(load="os.kill(os.getpid(), signal.SIGSTOP)")),
                             engines__load_timeout_s=0.5, engines__stop_timeout_s=0.5)
        self.assert_error(hostler.load("frozen"), 504, "load_failed")
        self.assertEqual(house.processes_of(hostler.home), [])

    def test_health_that_comes_and_goes(self):
        """One bad answer while idle is enough: the engine is ended, told, and started again with the next request."""
        hostler = self.start(*self.rogues(flaps=dict(health="""
            engine.asked = getattr(engine, "asked", 0) + 1
            if engine.asked % 3 == 0: c.json({"status": "ok"}, 500)
            else: engine.health(c)""")), engines__health_interval_s=0.2)
        hostler.load("flaps")
        self.assertIn("/health", hostler.wait_for_crash("flaps")["reason"])
        house.eventually(lambda: hostler.speak("flaps").status == 200, "the engine to come back")

    def test_an_answer_before_the_upload_was_read(self):
        hostler = self.start(*self.rogues(early=dict(type="stt", body="""
            if c.route == "transcribe":
                c.json({"error": {"code": "bad_request", "message": "enough of that"}}, 400)
                threading.Event().wait()""")))
        sound = b"RIFF\x00\x00\x00\x08WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\xdc\xff\xff\x07" + bytes(0x7ffffdc)
        answer = hostler.transcribe(sound[:20 << 20], model="early")
        self.assertEqual(answer.status, 400, answer)
        self.assertIn("enough of that", answer.error["message"])


class Loads(Rogues):
    def test_progress_without_end(self):
        hostler = self.start(*self.rogues(
            ever=dict(load="c.events()\nwhile True:\n  c.event('progress', {'stage': 'again'})\n  time.sleep(.05)")),
            engines__load_timeout_s=0.2, engines__stop_timeout_s=0.5)
        self.assert_error(hostler.load("ever"), 504, "load_failed")

    def test_a_flood_of_progress_drowns_nobody(self):
        hostler = self.start(fake("well"), *self.rogues(flood=dict(load="""
            c.events()
            for i in range(200): c.chunk(b'event: progress\\ndata: {"stage":"%s","fraction":0.5}\\n\\n' % (b'x' * 500) * 1000)
            c.event('loaded', {}); c.end()""")))
        with hostler.events() as events:
            self.assertEqual(hostler.load("flood").status, 200)
            self.assertEqual(hostler.speak("well").status, 200)
            events.until_state("flood", "loading")  # neither lost
            events.until_state("well", "loaded")

    def test_a_huge_stage_is_refused(self):
        hostler = self.start(*self.rogues(huge=dict(load="c.events(); c.event('progress', {'stage': 'x' * 5_000_000}); c.event('loaded', {}); c.end()")))
        self.assert_error(hostler.load("huge"), 500, "load_failed")

    def test_the_first_word_counts(self):
        hostler = self.start(*self.rogues(
            twice=dict(load="c.events(); c.chunk(b'event: loaded\\ndata: {}\\n\\nevent: error\\ndata: {}\\n\\nevent: loaded\\ndata: {}\\n\\n'); c.end()"),
            none=dict(load="c.events(); c.end()")))
        self.assertEqual(hostler.speak("twice").status, 200)
        self.assert_error(hostler.load("none"), 500, "load_failed", message="without a result")


class Sockets(Rogues):
    def test_a_socket_that_vanishes_is_noticed_with_the_first_request(self):
        hostler = self.start(*self.rogues(closes=dict(generate="engine.generate(c); engine.listener.shutdown(2); c.socket.shutdown(2)")),
                             fake("well"), engines__health_interval_s=3600)
        self.assertEqual(hostler.speak("closes").status, 200)
        with hostler.events() as events:
            error = self.assert_error(hostler.speak("closes"), 503, message='the engine of "closes"')
            self.assertNotIn("/proc/self", error["message"])
            events.until_state("closes", "error")
            events.until_state("closes", "loaded")  # and comes back
        self.assertIn("no longer answered", hostler.wait_for_crash("closes")["reason"])
        self.assertEqual(hostler.speak("well").status, 200)

    def test_a_socket_file_that_is_removed(self):
        hostler = self.start(fake("one"), engines__health_interval_s=3600)
        hostler.load("one")
        for path in (hostler.home / "run" / "engines").glob("*.sock"):
            path.unlink()
        with hostler.events() as events:
            self.assert_error(hostler.speak("one"), 503)
            events.until_state("one", "error")
            events.until_state("one", "loaded")
        self.assertEqual(hostler.speak("one").status, 200)

    def test_stopped_while_it_streams(self):
        hostler = self.start(fake("one", chunks=1000, chunk_ms=20), engines__health_interval_s=0.3)
        connection, response = hostler.open("POST", "/v1/audio/speech", {"model": "one", "input": "x", "response_format": "pcm"})
        self.assertTrue(response.read1(100))
        os.kill(hostler.model("one")["pid"], signal.SIGSTOP)
        self.assert_cut(response)
        connection.close()
        self.assertIn("SIGSTOP", hostler.wait_for_crash("one")["reason"])


class Noise(Rogues):
    def test_floods_on_standard_output_and_error(self):
        megabytes = int(os.environ.get("HOSTLER_FLOOD_MB", "20"))
        hostler = self.start(fake("well"), *self.rogues(
            loud=dict(begin=f"for _ in range({megabytes}): os.write(1, bytes(1 << 20)); os.write(2, b'x' * (1 << 20))",
                      generate="os.write(2, b'\\n\\x1b[2J\\x1b]0;evil\\x07 \\0\\xff binary\\nlast\\n'); os.abort()")),
            engines__start_timeout_s=60 + megabytes)
        before = resident_mb(hostler.pid)
        self.assertEqual(hostler.load("loud").status, 200)
        self.assertEqual(hostler.speak("well").status, 200)
        self.assert_error(hostler.speak("loud"), 502)
        lines = hostler.wait_for_crash("loud")["last_lines"]
        self.assertEqual(lines[-1], "last")
        self.assertEqual(lines[-2], "?[2J?]0;evil? ?? binary")
        self.assertTrue(all(len(line) <= 2000 for line in lines))
        if house.PATIENCE == 1:
            self.assertLess(resident_mb(hostler.pid) - before, 30)

    def test_a_flood_of_log_lines_leaves_room_for_the_others(self):
        entry = '{"id":%d,"timestamp":"2026-01-15 10:30:45,123","level":"INFO","message":"flood","source":"x"}'
        hostler = self.start(fake("well", babble_log=3), *self.rogues(
            loud=dict(logs=f"""
                c.events()
                for i in range(10**9): c.chunk(b''.join(b'event: log\\nid: %d\\ndata: {entry}\\n\\n' % (i * 500 + j, i * 500 + j) for j in range(500)))
                """)))
        hostler.load("loud")
        house.eventually(lambda: hostler.logs(q="flood"), "the flood")
        self.assertEqual(hostler.speak("well").status, 200)
        house.eventually(lambda: hostler.logs(q="babble 2"), "the next line of the other")


class Families(Rogues):
    def test_helpers_elsewhere_go_with_their_engine(self):
        hostler = self.start(*self.rogues(
            session=dict(begin=self.helper("start_new_session=True")),
            bare=dict(begin=self.helper("start_new_session=True, env={}")),
            daemon=dict(begin=self.helper("start_new_session=True, env={}") .join(["if os.fork() == 0:\n  if os.fork() == 0: ", "\n  os._exit(0)"])),
            group=dict(begin=self.helper("process_group=0").join(["p = ", "; os.setpgid(0, p.pid)"]))), engines__stop_timeout_s=1)
        for model in ("session", "bare", "daemon", "group"):
            with self.subTest(model=model):
                self.assertEqual(hostler.speak(model).status, 200)
                house.eventually(lambda: self.processes("helper"), "the helper to start")
                hostler.unload(model)
                house.eventually(lambda: not self.processes(), f"the helper of {model} to end")
                hostler.load(model)
                house.eventually(lambda: self.processes("helper"), "the helper to start")
                os.kill(hostler.model(model)["pid"], signal.SIGKILL)
                house.eventually(lambda: len(self.processes("helper")) <= 1, "no two of them")
                house.eventually(lambda: hostler.model(model)["state"] == "loaded", "it to come back")
                hostler.unload(model)
                house.eventually(lambda: not self.processes(), f"the helper of {model} to end")
        self.assertTrue(hostler.logs(q="behind, which"))
        house.eventually(lambda: not zombies(hostler.pid), "all of them to be reaped")

    def test_another_engines_helper_stays(self):
        hostler = self.start(fake("one"), *self.rogues(session=dict(begin=f"if os.fork() == 0: {self.helper('start_new_session=True')}; os._exit(0)")))
        hostler.load("session")
        house.eventually(lambda: self.processes("helper"), "the helper to start")
        hostler.load("one")
        hostler.unload("one")
        hostler.load("one")
        os.kill(hostler.model("one")["pid"], signal.SIGKILL)
        hostler.wait_for_crash("one")
        self.assertEqual(len([p for p in self.processes("helper") if "/bin/sh" in p[1]]), 1)

    def test_they_go_with_the_daemon(self):
        hostler = self.start(*self.rogues(bare=dict(begin=self.helper("start_new_session=True, env={}"))))
        hostler.load("bare")
        self.finish(hostler)
        self.assertEqual(self.processes(), [])


class Limits(Rogues):
    EATER = "import itertools\nfor i in itertools.count(): engine.memory.append(bytes([i % 255 + 1]) * (16 << 20)); time.sleep(.02)"

    def test_a_memory_eater_is_ended(self):
        hostler = self.start(fake("well"), *self.rogues(eats=dict(generate=self.EATER)), engines__max_memory_mb=int(200 * house.PATIENCE))
        hostler.load("well")
        self.assert_error(hostler.speak("eats"), 502)
        dossier = hostler.wait_for_crash("eats")
        self.assertRegex(dossier["reason"], "ended by hostler: it held .*, its limit is 200|1000")
        self.assertIn("max_memory_mb", dossier["remedy"])
        self.assertEqual(hostler.speak("well").status, 200)

    def test_a_memory_eater_while_it_loads(self):
        model = {**self.rogues(eats=dict(load=self.EATER))[0], "max_memory_mb": 100}
        hostler = self.start(model)
        error = self.assert_error(hostler.load("eats"), 500, "load_failed", message="its limit is 100")
        self.assertIn("max_memory_mb", error["remedy"])

    def test_a_fork_bomb_is_ended_wherever_it_goes(self):
        # 200 at most, each in a session of its own, half of them without parents.
        bomb = f"""
            for i in range(100):
                subprocess.Popen(['/bin/sh', '-c', 'setsid sleep 1000 {self.folder} & sleep 1000; : {self.folder}'], start_new_session=True)
            time.sleep(1000)"""
        hostler = self.start(fake("well"), *self.rogues(forks=dict(generate=bomb)), engines__max_processes=60)
        self.assert_error(hostler.speak("forks"), 502)
        dossier = hostler.wait_for_crash("forks")
        self.assertRegex(dossier["reason"], "ended by hostler: it had .* processes and threads, its limit is 60")
        self.assertIn("max_processes", dossier["remedy"])
        house.eventually(lambda: not self.processes("sleep"), "all of them to end")
        self.assertEqual(hostler.speak("well").status, 200)
        house.eventually(lambda: not zombies(hostler.pid), "all of them to be reaped")

    def test_engines_are_the_kernels_first_choice(self):
        hostler = self.start(fake("one"))
        hostler.load("one")
        score = lambda pid: int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text())
        self.assertGreaterEqual(score(hostler.model("one")["pid"]), 500)
        self.assertEqual(score(hostler.pid), score(os.getpid()))


def state_of(pid):
    """As in /proc: "R", "S", "Z" …; "X" once it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


class Reports(Rogues):
    def test_a_crash_in_the_moment_of_the_unload_is_told(self):
        # Its standard error stays open in a helper, so that the report of its end takes a second: the unload comes in between.
        hostler = self.start(*self.rogues(one=dict(begin=self.helper("start_new_session=True"))), fake("two"), engines__stop_timeout_s=1)
        for count in (1, 2, 3):
            hostler.load("one")
            pid = hostler.model("one")["pid"]
            os.kill(pid, signal.SIGSEGV)
            # Until it has begun to end by that: a SIGTERM that comes sooner would be what the kernel says it died of.
            house.eventually(lambda: state_of(pid) in "ZX", "the engine to end")
            answer = hostler.unload("one")
            self.assertEqual(answer.status, 200)
            dossier = hostler.wait_for_crash("one", count)
            self.assertEqual(dossier["exit"]["status"], int(signal.SIGSEGV))

    def test_a_question_that_fails_is_not_asked_again_at_once(self):
        hostler = self.start(environment={"PATH": os.environ["PATH"]}, engines__folder=self.folder)
        path = pathlib.Path(self.folder) / "hostler-engine-classic"
        path.write_text(f"#!/bin/sh\necho asked >> {self.folder}/asked\nexit 3\n")
        path.chmod(0o755)
        hostler.finished = hostler.terminate()
        hostler.wait()
        hostler.start()
        for _ in range(5):
            hostler.get("/v1/audio/voices?model=espeak")
        asked = pathlib.Path(self.folder) / "asked"
        self.assertEqual(len(asked.read_text().splitlines()), 1)
        self.assertEqual(hostler.wait_for_crash("espeak")["exit"]["status"], 3)


def resident_mb(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) / 256


def zombies(parent):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if fields[0] == "Z" and int(fields[1]) == parent:
            found.append(path.parent.name)
    return found


if __name__ == "__main__":
    house.main()
