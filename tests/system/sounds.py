"""Tones, and what can be told of them: tests of speech compare sounds by length, pitch and loudness."""

import array
import io
import math
import struct
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


def crc(data, bits, polynomial):
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value >> (bits - 1) else 0)) & ((1 << bits) - 1)
    return value


def silent_flac(seconds, rate=8000):
    """Frames of one constant each, the longest there are (RFC 9639): three hours of silence in 25 KB."""
    block = 65535
    frames = seconds * rate // block + 1
    described = struct.pack(">HH3s3sQ16s", block, block, b"", b"", rate << 44 | 15 << 36 | frames * block, b"")
    out = [b"fLaC\x80\0\0\x22", described]
    for number in range(frames):
        coded = bytes([number]) if number < 128 else bytes([0xC0 | number >> 6, 0x80 | number & 63])
        head = b"\xff\xf8\x70\x08" + coded + struct.pack(">H", block - 1)
        frame = head + bytes([crc(head, 8, 0x07)]) + b"\0\0\0"
        out.append(frame + struct.pack(">H", crc(frame, 16, 0x8005)))
    return b"".join(out)
