#!/usr/bin/python3
"""Ogg, MP4 and Matroska that nobody's recorder wrote: each is sound or a refusal that says why, and costs what its bytes are
worth. The largest is 4 MB; memory is looked at after each.
"""

import pathlib
import re
import struct

import containers as c
import house
from house import fake

MOST_MB = 400  # over what the daemon has at rest, whatever a few megabytes claim
HUGE = (1 << 63) - 1
TONE = struct.pack("<160h", *[8000 if i // 20 % 2 else -8000 for i in range(160)]) * 100  # a second at 16 kHz


def ogg_files():
    yield "plain", c.opus(), 1
    yield "granules that claim days", c.opus(granule=48000 * 86400 * 30), None
    yield "granules below zero", c.opus(granule=-HUGE), None
    yield "skip all", c.opus(c.opus_head(skip=65535)), None
    yield "255 channels", c.opus(c.opus_head(channels=255, mapping=255)), "cannot be read"
    yield "0 channels", c.opus(c.opus_head(channels=0)), 0
    for rate in (0, 1, 1 << 31, 0xFFFFFFFF):
        yield f"Opus that claims {rate} Hz", c.opus(c.opus_head(rate=rate)), None
    for rate in (0, 1, 1 << 31, 0x7FFFFFFF, 0xFFFFFFFF):
        yield f"Vorbis at {rate} Hz without set-up", c.opus(c.vorbis_head(rate=rate), c.comments(b"\x03vorbis") + b"\1"), 0
    yield "Vorbis with 255 channels", c.opus(c.vorbis_head(channels=255), c.comments(b"\x03vorbis") + b"\1"), 0
    yield "Vorbis with blocks of 2^15", c.opus(c.vorbis_head(block=0xFF), c.comments(b"\x03vorbis") + b"\1"), 0
    yield "two thousand streams", b"".join(c.page(i, 0, 0, c.laced(c.opus_head()), c.opus_head(), 2) for i in range(2000)) + c.opus(serial=5000), None
    yield "two thousand chained files", c.opus(packets=1) + b"".join(c.opus(packets=1, serial=i) for i in range(2000)), None
    yield "a comment of 4 GB", c.opus(tags=c.comments(vendor_size=0xFFFFFFFF)), None
    yield "four thousand million comments", c.opus(tags=c.comments(count=0xFFFFFFFF)), None
    yield "a comment of 3 MB", c.opus(tags=c.comments(count=1, entries=struct.pack("<I", 3_000_000) + b"A=" + b"x" * 2_999_998)), 1
    yield "100,000 comments", c.opus(tags=c.comments(count=100_000, entries=b"".join(struct.pack("<I", 8) + b"%07x=" % i for i in range(100_000)))), 1
    yield "50,000 comments with values", c.opus(tags=c.comments(count=50_000, entries=b"".join(struct.pack("<I", 10) + b"%07x=ab" % i for i in range(50_000)))), 1
    yield "50,000 comments of one name", c.opus(tags=c.comments(count=50_000, entries=(struct.pack("<I", 10) + b"ARTIST=abc") * 50_000)), 1
    yield "2,000 chapters", c.opus(tags=c.comments(count=2000, entries=b"".join(struct.pack("<I", 23) + b"CHAPTER%03d=00:00:00.000" % (i % 1000) for i in range(2000)))), 1
    yield "a picture of 65535 x 65535", c.opus(tags=c.comments(count=1, entries=struct.pack("<I", 23 + 400) + b"METADATA_BLOCK_PICTURE=" + b"AAAA" * 100)), 1
    yield "packets of nothing", c.opus(packets=1, end=False) + c.page(7, 3, 9600, [0] * 255, b"") * 14_000, None
    yield "packets that never end", c.opus(packets=1, end=False) + c.page(7, 3, -1, [255] * 255, b"\xfc" * 65025, 1) * 60, None
    yield "pages of one byte", c.opus(packets=2, end=False) + c.page(7, 4, 9600, [1], b"\xf8") * 3_000, None
    yield "a table that promises more than there is", c.opus(packets=3, end=False) + c.page(7, 5, 960, [255] * 255, b""), None
    yield "no packet", c.opus(packets=0), 0
    yield "only OggS", b"OggS" * 100_000, 0
    yield "codec mismatch", c.opus(c.opus_head(), c.comments(b"\x03vorbis")), None


def mp4_files():
    yield "plain", c.mp4(TONE), 1
    for size in (0, 1, 2, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        yield f"mdat of {size}", c.FTYP + c.movie(c.track(700, 8000)) + c.atom(b"mdat", TONE, size=size), None
        yield f"moov of {size}", c.FTYP + c.atom(b"mdat", TONE) + c.atom(b"moov", c.track(40, 8000), size=size), None
        yield f"a child of {size}", c.FTYP + c.atom(b"mdat", TONE) + c.atom(b"moov", c.atom(b"udta", b"x" * 20, size=size), c.track(40, 8000)), None
    for size in (0, 1, 15, 1 << 63, (1 << 64) - 1, HUGE):
        yield f"large size {size}", c.FTYP + c.atom(b"moov", struct.pack(">Q", size), c.track(40, 8000), size=1) + c.atom(b"mdat", TONE), None
    yield "30,000 levels", c.FTYP + b"".join(struct.pack(">I", 8 * (30_000 - i)) + b"udta" for i in range(30_000)), 0
    yield "30,000 levels of moov", c.FTYP + b"".join(struct.pack(">I", 8 * (30_000 - i)) + b"moov" for i in range(30_000)), 0
    tail = c.FTYP + c.atom(b"mdat", TONE * 4) + c.movie(c.track(40, 64000))
    for keep in (0.5, 0.96, 0.99, 0.998):
        yield f"moov at the end, {keep} of it", tail[: int(len(tail) * keep)], None
    yield "no moov", c.FTYP + c.atom(b"mdat", TONE), "moov"
    for samples in (1 << 20, 1 << 24, 1 << 28, 1 << 31, 0xFFFFFFFF):
        for size in (0, 1, 2, 0x3FFFFFFF):
            yield f"{samples} samples of {size}", c.mp4(TONE, samples=samples, size=size, entry=c.sound(b"mp4a")), None
    bomb = 10_000_000
    yield "forty indexes of ten million", c.FTYP + c.movie(*[c.track(40, bomb, size=1, identity=i + 1, entry=c.sound(b"mp4a")) for i in range(40)]) + c.atom(b"mdat", TONE), None
    yield "forty fragments of ten million", c.FTYP + c.movie(c.track(40, 0), extends=c.EXTENDS) + b"".join(c.fragment([c.run(bomb)]) for _ in range(40)), None
    yield "a fragment of forty runs of ten million", c.FTYP + c.movie(c.track(40, 0), extends=c.EXTENDS) + c.fragment([c.run(bomb)] * 40), None
    many = c.movie(*[c.track(40, bomb // 10, size=1, identity=i + 1, entry=c.sound(b"mp4a")) for i in range(900)])
    yield "900 tracks of a million", c.FTYP + many + c.atom(b"mdat", TONE), None
    for rate in (0, 1, 1 << 15, 1 << 31, 0xFFFFFFFF):
        yield f"{rate} Hz", c.mp4(TONE, rate=rate), None
    yield "1 Hz and a million samples", c.mp4(TONE * 60, rate=1), None
    for channels in (0, 65, 255, 65535):
        yield f"{channels} channels", c.mp4(TONE, entry=c.sound(channels=channels)), None
    for bits in (0, 1, 255, 65535):
        yield f"{bits} bits", c.mp4(TONE, entry=c.sound(bits=bits)), None
    yield "codec mismatch", c.mp4(TONE, entry=c.sound(b"alac"), size=100, samples=100), 0
    yield "AAC without set-up", c.mp4(TONE, entry=c.sound(b"mp4a"), size=100, samples=100), 0
    yield "pictures only", c.mp4(TONE, handler=b"vide", entry=c.atom(b"avc1", b"\0" * 78)), "no sound"
    yield "times that overflow", c.mp4(TONE, times=struct.pack(">IIIII", 2, 1, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)), None
    yield "four thousand million times", c.mp4(TONE, times=struct.pack(">I", 0xFFFFFFFF)), None
    yield "four thousand million chunks", c.mp4(TONE, chunks=0xFFFFFFFF), None
    yield "four thousand million descriptions", c.mp4(TONE, stsc=struct.pack(">I", 0xFFFFFFFF)), None
    yield "an edit of days", c.mp4(TONE, edits=c.atom(b"edts", c.full(b"elst", struct.pack(">IIII", 1, 0xFFFFFFFF, 0xFFFFFFF0, 0x10000)))), None
    yield "500 edits", c.mp4(TONE, edits=c.atom(b"edts", c.full(b"elst", struct.pack(">I", 500), struct.pack(">III", 1, 0, 0x10000) * 500))), None
    yield "a cover of 3 MB", c.mp4(TONE, more=cover(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\6\0\0\0" + b"\0" * 3_000_000)), 1
    yield "2,000 covers", c.mp4(TONE, more=cover(*[b"\xff\xd8\xff\xe0" + b"x" * 50] * 2000)), None
    yield "a compressed movie of 4 GB", c.FTYP + c.atom(b"moov", c.atom(b"cmov", c.atom(b"dcom", b"zlib"), c.atom(b"cmvd", b"\xff\xff\xff\xf0" + b"x\x9c" + b"\0" * 100))), 0


def cover(*pictures):
    data = [c.atom(b"data", struct.pack(">II", 14, 0) + picture) for picture in pictures]
    return c.atom(b"udta", c.full(b"meta", c.full(b"hdlr", b"\0\0\0\0mdirappl" + b"\0" * 9), c.atom(b"ilst", c.atom(b"covr", *data))))


def matroska_files():
    yield "plain", c.matroska(data=TONE), 1
    yield "days", c.matroska(data=TONE, duration=1e300), 1
    for duration in (float("nan"), float("inf"), -1.0):
        yield f"a duration of {duration}", c.matroska(data=TONE, duration=duration), None
    for scale in (0, 1, HUGE, 1 << 63):
        yield f"a scale of {scale}", c.matroska(data=TONE, scale=scale), None
    for what, length in (("unknown", c.UNKNOWN), ("2^56", b"\x01" + b"\xff" * 6 + b"\xfe"), ("0", b"\x80"), ("invalid", b"\0" * 8)):
        yield f"a segment of {what}", c.matroska(data=TONE, length=length), None
        for identity, name in (("1654ae6b", "tracks"), ("1f43b675", "a cluster"), ("a3", "a block"), ("ec", "a void"), ("1254c367", "tags"), ("1941a469", "attachments"), ("1043a770", "chapters"), ("1c53bb6b", "cues")):
            yield f"{name} of {what}", c.matroska(data=TONE, more=c.element(identity, b"x" * 20, length=length)), None
    for rate in (0.0, 1.0, 2.0**31, 1e300, float("nan"), -1.0, 99_999_989.0):
        yield f"{rate} Hz", c.matroska(c.entry(rate=rate), TONE), None
    for channels in (0, 64, 65, 255, 1 << 31, HUGE):
        yield f"{channels} channels", c.matroska(c.entry(channels=channels), TONE), None
    for bits in (0, 1, 255, HUGE):
        yield f"{bits} bits", c.matroska(c.entry(bits=bits), TONE), None
    large = c.element("1f43b675", c.number("e7", 0), c.block(b"\0" * 3_000_000))
    yield "3 MB in one block", c.matroska(clusters=large), 1
    yield "3 MB at 1 Hz in one block", c.matroska(c.entry(rate=1.0), clusters=large), None
    yield "3 MB at 1000 Hz in one block", c.matroska(c.entry(rate=1000.0), clusters=large), 1
    yield "two thousand tracks", c.matroska(b"".join(c.entry(i + 1) for i in range(2000)), TONE), None
    yield "two thousand attachments", c.matroska(data=TONE, more=c.element("1941a469", *[attachment(i, b"x" * 20) for i in range(2000)])), None
    yield "an attachment of 3 MB", c.matroska(data=TONE, more=c.element("1941a469", attachment(1, b"\x89PNG" * 750_000, b"image/png"))), 1
    yield "30,000 chapters", c.matroska(data=TONE, more=c.element("1043a770", c.element("45b9", *[c.element("b6", c.number("73c4", i + 1), c.number("91", i)) for i in range(30_000)]))), 1
    yield "20,000 tags", c.matroska(data=TONE, more=c.element("1254c367", *[c.element("7373", c.element("67c8", c.element("45a3", b"t%d" % i), c.element("4487", b"x"))) for i in range(20_000)])), 1
    nested = b""
    for _ in range(2_000):
        nested = c.element("67c8", c.element("45a3", b"t"), nested)
    yield "2,000 levels of tags", c.matroska(data=TONE, more=c.element("1254c367", c.element("7373", nested))), None
    yield "2,000 levels of clusters", c.EBML + (bytes.fromhex("18538067") + c.UNKNOWN) * 2000, 0
    looping = c.element("114d9b74", *[c.element("4dbb", c.element("53ab", bytes.fromhex("114d9b74")), c.number("53ac", 0)) for _ in range(1000)])
    yield "an index that leads to itself", c.matroska(data=TONE, front=looping), 1
    empties = c.element("1f43b675", c.number("e7", 0), *[c.block(b"")] * 100_000)
    yield "100,000 blocks of nothing", c.matroska(clusters=empties), None
    laces = c.element("1f43b675", c.number("e7", 0), *[c.block(b"\xff" + b"\0" * 255, flags=0x82)] * 5_000)
    yield "Xiph laces of nothing", c.matroska(clusters=laces), None
    ebml = c.element("1f43b675", c.number("e7", 0), *[c.block(b"\xff" + b"\x80" * 255, flags=0x86)] * 5_000)
    yield "EBML laces of nothing", c.matroska(clusters=ebml), None
    yield "unknown clusters for ever", c.matroska(clusters=(bytes.fromhex("1f43b675") + c.UNKNOWN) * 100_000), None
    zlib = c.element("6d80", c.element("6240", c.number("5031", 0), c.number("5032", 1), c.number("5033", 0), c.element("5034", c.number("4254", 0))))
    yield "a zlib bomb in a block", c.matroska(c.entry(more=zlib), clusters=c.element("1f43b675", c.number("e7", 0), c.block(deflated(1 << 28)))), None
    yield "thirty zlib bombs", c.matroska(c.entry(more=zlib), clusters=c.element("1f43b675", c.number("e7", 0), *[c.block(deflated(100 << 20))] * 30)), None
    yield "codec mismatch", c.matroska(c.entry(codec=b"A_VORBIS"), TONE), 0
    yield "a codec that nobody knows", c.matroska(c.entry(codec=b"A_NOBODY"), TONE), 0
    yield "private data that lies", c.matroska(c.entry(codec=b"A_VORBIS", private=b"\x02\xff\xff\xff\xff"), TONE), 0
    yield "pictures only", c.matroska(c.entry(kind=1, codec=b"V_VP8"), TONE), "no sound"


def attachment(identity, data, kind=b"font/ttf"):
    return c.element("61a7", c.element("466e", b"a%d" % identity), c.element("4660", kind), c.number("46ae", identity), c.element("465c", data))


_deflated = {}


def deflated(size):
    import zlib
    if size not in _deflated:
        _deflated[size] = zlib.compress(bytes(size), 9)
    return _deflated[size]


class Media(house.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostler = cls.start_shared(fake("ear", type="stt"), speech__max_recording_hours=2)
        cls.hostler.transcribe(c.mp4(TONE), model="ear")  # the codecs are opened

    def memory_mb(self, what):
        return int(re.search(rf"{what}:\s+(\d+)", pathlib.Path(f"/proc/{self.hostler.pid}/status").read_text())[1]) >> 10

    def attack(self, what, audio, expected):
        """expected: seconds of sound; 0: refused; a pattern: refused with it; None: either."""
        pathlib.Path(f"/proc/{self.hostler.pid}/clear_refs").write_text("5")  # the peak starts anew
        before = self.memory_mb("VmRSS")
        answer = self.hostler.transcribe(audio, model="ear", response_format="verbose_json")
        if not house.SANITIZED:
            self.assertLess(self.memory_mb("VmHWM") - before, MOST_MB)
        if answer.status == 200:
            self.assertNotIsInstance(expected, str, answer)
            self.assertNotEqual(expected, 0, answer)
            self.assertLessEqual(answer.json["duration"], 7200)
            if expected:
                self.assertGreaterEqual(answer.json["duration"], 0.9 * expected)
        else:
            self.assertIn(expected if not isinstance(expected, str) else 0, (0, None), answer)
            self.assertIn(answer.status, (400, 413, 422), answer)
            self.assert_error(answer, answer.status, param="file", message=expected if isinstance(expected, str) else None)

    def all_of(self, files):
        for what, audio, expected in files:
            with self.subTest(what):
                self.attack(what, audio, expected)
        self.assertEqual(self.hostler.transcribe(c.mp4(TONE), model="ear").status, 200)

    def test_ogg(self):
        self.all_of(ogg_files())

    def test_mp4(self):
        self.all_of(mp4_files())

    def test_matroska(self):
        self.all_of(matroska_files())


if __name__ == "__main__":
    house.main()
