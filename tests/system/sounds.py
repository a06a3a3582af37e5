"""Sounds that tests send."""

import struct


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
