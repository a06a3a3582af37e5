"""Tones, and what can be told of them: tests of speech compare sounds by length, pitch and loudness."""

import array
import io
import math
import wave


def tone(pitch=300, seconds=1.0, rate=16000, level=0.3):
    """A WAV of one tone (Hz)."""
    samples = array.array("h", (round(32767 * level * math.sin(2 * math.pi * pitch * i / rate)) for i in range(round(rate * seconds))))
    return wav(samples, rate)


def wav(samples, rate):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(array.array("h", samples).tobytes())
    return file.getvalue()


def samples_of(pcm):
    return array.array("h", pcm)


def pitch_of(pcm, rate=24000):
    """Of a tone, by where it crosses zero."""
    samples = samples_of(pcm)
    crossings = sum((a < 0) != (b < 0) for a, b in zip(samples, samples[1:]))
    return crossings / 2 / (len(samples) / rate)


def silences(pcm, rate=24000, level=300, shortest=0.02):
    """[(start, length)] in seconds, of what is quiet for a while."""
    found, begin = [], None
    for i, sample in enumerate([*samples_of(pcm), 32767]):
        if abs(sample) < level:
            begin = i if begin is None else begin
        elif begin is not None:
            if i - begin >= shortest * rate:
                found.append((begin / rate, (i - begin) / rate))
            begin = None
    return found


def seconds(pcm, rate=24000):
    return len(pcm) / 2 / rate
