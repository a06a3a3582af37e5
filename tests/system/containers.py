"""Ogg, MP4 and Matroska written byte by byte, right and wrong: what test_hostile_media.py uploads.

Formats: RFC 3533 (Ogg), RFC 7845 (Opus), ISO/IEC 14496-12 and QuickTime (MP4), RFC 9559 and RFC 8794 (Matroska, EBML).
"""

import struct

# ---- Ogg ----

_CRC = []
for _byte in range(256):
    _value = _byte << 24
    for _ in range(8):
        _value = (_value << 1 ^ (0x04C11DB7 if _value >> 31 else 0)) & 0xFFFFFFFF
    _CRC.append(_value)


def ogg_crc(page):
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC[value >> 24 ^ byte]
    return value


def page(serial, number, granule, lacing, data, flags=0, checked=True):
    """One page. `lacing`: the segment table, which may lie about `data`."""
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, serial, number, 0) + bytes([len(lacing)]) + bytes(lacing)
    whole = head + data
    return whole[:22] + struct.pack("<I", ogg_crc(whole) if checked else 0) + whole[26:]


def laced(packet):
    return [255] * (len(packet) // 255) + [len(packet) % 255]


def pages(serial, packet, number=0, granule=0, flags=0):
    """A packet on as many pages as it needs."""
    table, out = laced(packet), []
    for begin in range(0, len(table), 255):
        part = table[begin : begin + 255]
        data, packet = packet[: sum(part)], packet[sum(part) :]
        last = begin + 255 >= len(table)
        out.append(page(serial, number, granule if last else -1, part, data, (flags if begin == 0 else 0) | (1 if begin else 0)))
        number += 1
    return b"".join(out), number


def opus_head(channels=1, rate=48000, skip=312, mapping=None):
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, channels, skip, rate, 0, 0 if mapping is None else mapping)
    return head if mapping is None else head + bytes([channels, 0]) + bytes(i % 255 for i in range(channels))


def vorbis_head(channels=1, rate=48000, block=0xB8):
    return b"\x01vorbis" + struct.pack("<IBIIIIBB", 0, channels, rate, 0, 0, 0, block, 1)


def comments(magic=b"OpusTags", count=0, entries=b"", vendor=b"x", vendor_size=None):
    return magic + struct.pack("<I", len(vendor) if vendor_size is None else vendor_size) + vendor + struct.pack("<I", count) + entries


SILK = b"\xf8\xff\xfe"  # 20 ms of silence in Opus


def opus(head=None, tags=None, packets=50, serial=7, granule=None, packet=SILK, end=True):
    out, number = [page(serial, 0, 0, laced(head or opus_head()), head or opus_head(), 2)], 1
    body, number = pages(serial, tags if tags is not None else comments(), number)
    out.append(body)
    for i in range(packets):
        out.append(page(serial, number + i, 960 * (i + 1) if granule is None else granule, laced(packet), packet, 4 if end and i + 1 == packets else 0))
    return b"".join(out)


# ---- MP4 ----


def atom(kind, *parts, size=None):
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8 if size is None else size) + kind + body


def full(kind, *parts, version=0, flags=0, size=None):
    return atom(kind, struct.pack(">I", version << 24 | flags), *parts, size=size)


FTYP = atom(b"ftyp", b"M4A \0\0\0\0M4A isom")


def sound(kind=b"sowt", channels=1, bits=16, rate=16000, more=b""):
    return atom(kind, b"\0" * 6 + struct.pack(">HHHIHHHHI", 1, 0, 0, 0, channels, bits, 0, 0, (rate & 0xFFFF) << 16) + more)


def track(offset, samples, size=2, entry=None, handler=b"soun", rate=16000, duration=None, per_chunk=None, identity=1, chunks=1, times=None, edits=b"", sizes=None, stsc=None):
    """One track whose sound is `samples` samples of `size` bytes from `offset` on, however many there are."""
    duration = samples if duration is None else duration
    table = atom(b"stbl", full(b"stsd", struct.pack(">I", 1), entry if entry is not None else sound(rate=rate)),
                 full(b"stts", times if times is not None else struct.pack(">III", 1, samples, 1)),
                 full(b"stsc", stsc if stsc is not None else struct.pack(">IIII", 1, 1, samples if per_chunk is None else per_chunk, 1)),
                 full(b"stsz", sizes if sizes is not None else struct.pack(">II", size, samples)),
                 full(b"stco", struct.pack(">I", chunks), struct.pack(">I", offset) * min(chunks, 4)))
    return atom(b"trak", full(b"tkhd", struct.pack(">IIIII", 0, 0, identity, 0, duration & 0xFFFFFFFF), b"\0" * 60, flags=7), edits,
                atom(b"mdia", full(b"mdhd", struct.pack(">IIIIHH", 0, 0, rate & 0xFFFFFFFF, duration & 0xFFFFFFFF, 0x55C4, 0)),
                     full(b"hdlr", b"\0\0\0\0" + handler + b"\0" * 13),
                     atom(b"minf", full(b"smhd", b"\0\0\0\0"), atom(b"dinf", full(b"dref", struct.pack(">I", 1), full(b"url ", flags=1))), table)))


def movie(*tracks, more=b"", extends=b""):
    return atom(b"moov", full(b"mvhd", struct.pack(">IIII", 0, 0, 1000, 1000), b"\0\1\0\0\1\0" + b"\0" * 70 + struct.pack(">I", 2)), *tracks, extends, more)


def mp4(data=b"\0\1" * 8000, more=b"", **described):
    """A plain second of sound, the movie first."""
    described.setdefault("samples", len(data) // 2)
    empty = FTYP + movie(track(0, **described), more=more)
    return FTYP + movie(track(len(empty) + 8, **described), more=more) + atom(b"mdat", data)


def fragment(runs, identity=1, data=b""):
    """A fragment whose runs (full boxes) say what they like."""
    moof = atom(b"moof", full(b"mfhd", struct.pack(">I", 1)), atom(b"traf", full(b"tfhd", struct.pack(">III", identity, 1, 2), flags=0x020018), *runs))
    return moof + atom(b"mdat", data)


def run(samples):
    return full(b"trun", struct.pack(">I", samples))


EXTENDS = atom(b"mvex", full(b"trex", struct.pack(">IIIII", 1, 1, 1, 2, 0)))


# ---- Matroska, WebM ----

UNKNOWN = b"\x01" + b"\xff" * 7


def size(value):
    return struct.pack(">Q", 1 << 56 | value)


def element(identity, *parts, length=None):
    body = b"".join(parts)
    return bytes.fromhex(identity) + (size(len(body)) if length is None else length) + body


def number(identity, value):
    return element(identity, struct.pack(">Q", value))


def real(identity, value):
    return element(identity, struct.pack(">d", value))


EBML = element("1a45dfa3", number("4286", 1), number("42f7", 1), number("42f2", 4), number("42f3", 8), element("4282", b"matroska"), number("4287", 4), number("4285", 2))


def entry(index=1, kind=2, codec=b"A_PCM/INT/LIT", rate=16000.0, channels=1, bits=16, more=b"", private=b""):
    return element("ae", number("d7", index), number("73c5", index), number("83", kind), element("86", codec), element("63a2", private) if private else b"",
                   element("e1", real("b5", rate), number("9f", channels), number("6264", bits)) if kind == 2 else b"", more)


def block(data, track=1, when=0, flags=0x80):
    return element("a3", bytes([0x80 | track]) + struct.pack(">hB", when, flags) + data)


def matroska(tracks=None, data=b"\0\1" * 8000, more=b"", duration=1000.0, scale=1_000_000, clusters=None, length=None, front=b""):
    segment = [front, element("1549a966", number("2ad7b1", scale), real("4489", duration), element("4d80", b"x"), element("5741", b"x")),
               element("1654ae6b", tracks if tracks is not None else entry()), more,
               element("1f43b675", number("e7", 0), *[block(data[i : i + 1600], when=i // 32) for i in range(0, len(data), 1600)]) if clusters is None else clusters]
    return EBML + element("18538067", *segment, length=length)
