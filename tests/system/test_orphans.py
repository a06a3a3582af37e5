#!/usr/bin/python3
"""A hostler that is killed leaves no engines; the next one clears up; two never share a home."""

import os
import signal
import subprocess

import house
from house import fake


class Orphans(house.Test):
    def test_engines_end_with_a_killed_daemon(self):
        hostler = self.new(fake("one"), fake("deaf", ignore_sigterm=True)).start()
        for model in ("one", "deaf", "espeak"):
            self.assertEqual(hostler.load(model).status, 200)
        self.assertEqual(len(house.processes_of(hostler.home)), 3)
        hostler.process.kill()
        hostler.wait()
        house.eventually(lambda: not house.processes_of(hostler.home), "the engines to end with the daemon")

    def test_an_engine_that_loads_ends_with_a_killed_daemon(self):
        hostler = self.new(fake("one", load_hang=True)).start()
        with hostler.events() as events:
            load = house.Background(lambda: hostler.load("one"))
            events.until_state("one", "loading")
            house.eventually(lambda: house.processes_of(hostler.home), "the engine to start")
            hostler.process.kill()
            hostler.wait()
            with self.assertRaises(Exception):
                load.result()
        house.eventually(lambda: not house.processes_of(hostler.home), "the engine to end with the daemon")

    def test_the_next_start_clears_up(self):
        hostler = self.new(fake("one", spawn_helper=True)).start()
        hostler.load("one")
        hostler.process.kill()
        hostler.wait()
        house.eventually(lambda: len(house.processes_of(hostler.home)) == 1, "the engine to end")  # its helper knows nothing of all this
        (hostler.home / "tmp" / "half-an-upload").write_bytes(b"...")
        self.assertTrue(list((hostler.home / "run" / "engines").glob("*.sock")))

        hostler.start()
        house.eventually(lambda: not house.processes_of(hostler.home), "the helper to be ended")
        self.assertEqual(list((hostler.home / "run" / "engines").glob("*")), [])
        self.assertEqual(list((hostler.home / "tmp").glob("*")), [])
        self.assertTrue(hostler.logs(q="left by a hostler that was killed"))
        self.assertEqual(hostler.speak("one").status, 200)
        self.finish(hostler)

    def test_a_second_daemon_on_the_same_home_is_refused(self):
        hostler = self.start(fake("one"))
        second = subprocess.run([house.HOSTLER, "serve", "--port", "0", "--home", hostler.home], env=hostler.environment,
                                capture_output=True, text=True, timeout=house.LONG)
        self.assertEqual(second.returncode, 5, second)
        self.assertIn(str(hostler.pid), second.stderr)
        self.assertEqual(second.stdout, "")
        self.assertEqual(hostler.speak("one").status, 200)  # and did no harm

    def test_another_home_is_another_hostler(self):
        first, second = self.start(fake("one")), self.start(fake("one"))
        self.assertEqual(first.speak("one").status, 200)
        self.assertEqual(second.speak("one").status, 200)
        first.process.send_signal(signal.SIGKILL)
        first.wait()
        house.eventually(lambda: not house.processes_of(first.home), "the engine of the first to end")
        self.assertEqual(second.model("one")["state"], "loaded")
        os.kill(second.model("one")["pid"], 0)
        first.start()

    def test_a_port_that_is_taken(self):
        hostler = self.start()
        other = self.new()
        refused = subprocess.run([house.HOSTLER, "serve", "--port", str(hostler.port), "--home", other.home], env=other.environment,
                                 capture_output=True, text=True, timeout=house.LONG)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn(str(hostler.port), refused.stderr)
        self.assertIn("→", refused.stderr)


if __name__ == "__main__":
    house.main()
