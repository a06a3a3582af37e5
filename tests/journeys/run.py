#!/usr/bin/python3
"""Plays the journeys of this folder against real daemons: see README.md."""

import json
import os
import pathlib
import re
import signal
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

import house  # noqa: E402: it lies in the folder that was just added

MORE = "…"


# ---- reading ----


class Step:
    def __init__(self, line):
        self.line, self.sent, self.expected, self.command = line, [], [], None


def read(path):
    """(models, settings, steps) of a journey."""
    models, settings, steps = [], {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        kind, _, rest = line.partition(" ")
        if not line.strip() or kind.startswith("#"):
            continue
        if kind == "model":
            words, _, options = rest.partition("{")
            name, *type = words.split()
            models.append(house.fake(name, type=(type or ["tts"])[0], **json.loads("{" + options)))
        elif kind == "setting":
            key, _, value = rest.partition("=")
            settings[key.strip().replace(".", "__")] = json.loads(value)
        elif kind == "!":
            steps.append(Step(number))
            steps[-1].command = rest.split()
        elif kind == ">":
            if not steps or steps[-1].expected or steps[-1].command:
                steps.append(Step(number))
            steps[-1].sent.append(rest)
        elif kind == "<":
            steps[-1].expected.append(rest)
        else:
            raise ValueError(f"{path.name}:{number}: {line}")
    return models, settings, steps


def parts(lines):
    """First line, headers, body (None if there is no empty line)."""
    head = lines[1:lines.index("")] if "" in lines else lines[1:]
    body = "\n".join(lines[lines.index("") + 1:]) if "" in lines else None
    return lines[0], dict(line.split(": ", 1) for line in head), body


# ---- comparing ----


def pattern(text):
    """The JSON of a journey, whose placeholders are made into values that compare() knows."""
    text = re.sub(r",\s*…\s*([}\]])", lambda found: f', "{MORE}": 0}}' if found[1] == "}" else f', "{MORE}"]', text)
    return json.loads(re.sub(r"\{\s*…\s*\}", '{"…": 0}', text.replace("[…]", '["…"]')))


def compare(expected, got, where="body"):
    """Nothing, or what differs."""
    if expected == "<anything>":
        return None
    if expected in ("<number>", "<text>"):
        good = isinstance(got, str) and got if expected == "<text>" else isinstance(got, (int, float)) and not isinstance(got, bool)
        return None if good else f"{where}: expected {expected}, got {got!r}"
    if isinstance(expected, str) and isinstance(got, str) and MORE in expected:
        return None if re.fullmatch(".*".join(map(re.escape, re.split(r"\s*…\s*", expected))), got, re.S) else f"{where}: expected {expected!r}, got {got!r}"
    if isinstance(expected, dict) and isinstance(got, dict):
        if MORE not in expected and set(got) - set(expected):
            return f"{where}: unexpected members {sorted(set(got) - set(expected))}"
        for name, value in expected.items():
            if name != MORE:
                if name not in got:
                    return f"{where}.{name} is missing"
                if (difference := compare(value, got[name], f"{where}.{name}")):
                    return difference
        return None
    if isinstance(expected, list) and isinstance(got, list):
        return compare_lists(expected, got, where)
    same = expected == got and isinstance(expected, bool) == isinstance(got, bool)
    return None if same else f"{where}: expected {expected!r}, got {got!r}"


def compare_lists(expected, got, where):
    wanted = [item for item in expected if item != MORE]
    if MORE in expected:  # those in this order, whatever stands between them
        rest = iter(enumerate(got))
        for number, item in enumerate(wanted):
            if not any(compare(item, other) is None for _, other in rest):
                named = [other for other in got if isinstance(item, dict) and isinstance(other, dict) and next(iter(item.items())) in other.items()]
                return compare(item, named[0], f"{where}[{number}]") if named else f"{where}: {item!r} did not come"
        return None
    if len(got) != len(wanted):
        return f"{where}: expected {len(wanted)} items, got {len(got)}: {repr(got)[:1000]}"
    for index, item in enumerate(wanted):
        if (difference := compare(item, got[index], f"{where}[{index}]")):
            return difference
    return None


# ---- playing ----


def play(hostler, step):
    """Nothing, or what went wrong."""
    if step.command:
        return obey(hostler, *step.command)
    request, headers, body = parts(step.sent)
    method, path = request.split(" ", 1)
    if body and body.lstrip().startswith("{"):
        headers.setdefault("Content-Type", "application/json")
    answer = hostler.ask(method, path, body.encode() if body is not None else None, headers)
    status, headers, body = parts(step.expected)
    if answer.status != int(status.split()[0]):
        return f"expected status {status}, got {answer}"
    for name, value in headers.items():
        if (difference := compare(value, answer.headers[name], name)):
            return difference
    if body is None:
        return None
    if body.lstrip()[:1] in ("{", "["):
        return compare(pattern(body), answer.json)
    return compare(body, answer.text.rstrip("\n"))


def obey(hostler, verb, model, word):
    if verb == "until":
        house.eventually(lambda: hostler.model(model)["state"] == word, f"{model} to be {word}")
        return None
    if verb == "kill":
        with hostler.events() as events:
            os.kill(hostler.model(model)["pid"], getattr(signal, "SIG" + word))
            events.until_state(model, "error")
        count = len(hostler.crashes(model))
        house.eventually(lambda: hostler.crashes(model), "the crash report") if count == 0 else None
        return None
    return f"unknown command {verb}"


class Journeys(house.Test):
    pass


def add(path):
    def test(self):
        models, settings, steps = read(path)
        self.assertTrue(steps)
        hostler = self.start(*models, **settings)
        for step in steps:
            if (trouble := play(hostler, step)):
                self.fail(f"{path.name}:{step.line}: {' '.join(step.command or step.sent[:1])}\n  {trouble}")

    setattr(Journeys, "test_" + path.stem, test)


class Comparing(unittest.TestCase):
    def test_it_can_fail(self):
        for text, bad in (('{"a": 1}', {"a": 2}), ('{"a": 1}', {"a": 1, "b": 2}), ('{"a": 1, …}', {"b": 1}), ('["x", …]', []), ('{"a": "<number>"}', {"a": "1"}),
                          ('{"a": "<text>"}', {"a": ""}), ('{"a": "… no …"}', {"a": "yes"}), ('{"a": 1}', {"a": True})):
            self.assertIsNotNone(compare(pattern(text), bad), (text, bad))
        for text, good in (('{"a": 1, …}', {"a": 1, "b": 2}), ('{…}', {"a": 1}), ('["x", …]', ["x", "y"]), ('{"a": "… yes …"}', {"a": "oh yes!"}), ('{"a": "<number>"}', {"a": 0.5})):
            self.assertIsNone(compare(pattern(text), good), (text, good))


for journey in sorted(HERE.glob("*.http")):
    add(journey)

if __name__ == "__main__":
    house.main()
