"""WAV files of I and Q: RIFF, RIFX, RF64 and BW64, mapped in place; a header's sizes are not taken on trust.

The form of chunks: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (1991);
RF64 and its chunk ds64: EBU Tech 3306; WAVE_FORMAT_EXTENSIBLE: Microsoft's mmreg.h.
"""

import logging
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from amc_xai.data.recordings.antennas import channel_of
from amc_xai.data.recordings.recording import PACKED_24, Recording, interleaved
from amc_xai.errors import UserError

log = logging.getLogger(__name__)
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
# What programs leave for the length while they record, or can't go back to the header: 0, and these.
OPEN_LENGTHS = (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))
MOST_CHUNKS = 10_000
KNOWN_CHUNKS = (b"fmt ", b"data", b"LIST", b"fact", b"auxi", b"bext", b"JUNK", b"ds64")
# What programs write for a rate that nobody told them.
SOUND_RATE = 44_100


@dataclass
class Header:
    """What a WAV file says of itself; ``length`` is that of the samples in bytes, as it is told."""

    order: str
    tag: int
    channels: int
    rate: int
    size: int
    bits: int
    offset: int = 0
    length: int = 0


def open_wav(path: Path, antenna: int | None) -> Recording:
    """Two channels, I left and Q right, or as many pairs as there are antennas; integers become -1..1.

    Raises:
        UserError: if it is no WAV file of numbers, or holds no sample.
    """
    held = path.stat().st_size
    with path.open("rb") as file:
        header = read_header(file, path)
    if header.channels < 2 or header.channels % 2:
        raise UserError(f"dataset.path: {path} has {header.channels} channel(s); I/Q needs two")
    dtype, zero, scale = number_type(header, path)
    frame = header.channels * header.size
    there = available(header, held - header.offset, frame, path)
    samples, rest = divmod(there, frame)
    if not samples:
        raise UserError(f"dataset.path: {path} holds no samples: it ends with its header")
    if rest:
        log.warning("%s ends in mid-sample: its last %d bytes are left out", path, rest)
    pairs = header.channels // 2
    numbers = interleaved(path, dtype, header.offset, samples, 2, pairs, channel_of(path, pairs, antenna))
    if header.rate == SOUND_RATE:
        log.warning(
            "%s: its header says %d Hz, which programs write when nobody tells them the rate; dataset.sample_rate "
            "wins over it", path, header.rate,
        )  # fmt: skip
    return Recording(path, numbers, zero, scale, float(header.rate) if header.rate else None)


def read_header(file: BinaryIO, path: Path) -> Header:
    """The chunks of a file up to its samples.

    Raises:
        UserError: if it has none.
    """
    kind, _, form = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if kind not in (b"RIFF", b"RIFX", b"RF64", b"BW64") or form != b"WAVE":
        wave64 = kind.lower() == b"riff" and kind != b"RIFF"
        what = (
            "is Sony's Wave64: convert it to RF64" if wave64 else "is no readable WAV file (it begins otherwise)"
        )
        raise UserError(f"dataset.path: {path} {what}")
    order = ">" if kind == b"RIFX" else "<"
    header, long, place = None, None, 12
    for _ in range(MOST_CHUNKS):
        file.seek(place)
        about = file.read(8)
        if len(about) < 8:
            lacking = "the samples begin" if header else "it says what they are"
            raise UserError(f"dataset.path: {path} is no readable WAV file: it ends before {lacking}")
        name, length = struct.unpack(f"{order}4sI", about)
        if name == b"ds64":
            body = file.read(16)
            long = struct.unpack("<Q", body[8:])[0] if len(body) == 16 else None
        elif name == b"fmt ":
            header = read_format(file.read(min(length, 40)), order, path)
        elif name == b"data":
            if header is None:
                raise UserError(
                    f"dataset.path: {path} is no readable WAV file: its samples come before their format"
                )
            header.offset = place + 8
            header.length = long if long is not None and length == 0xFFFFFFFF else length
            return header
        place += 8 + length
        if length % 2:
            # The byte that makes a chunk's length even is left out by some programs.
            file.seek(place)
            place += file.read(4) not in KNOWN_CHUNKS
    raise UserError(
        f"dataset.path: {path} is no readable WAV file: no samples among its first {MOST_CHUNKS} chunks"
    )


def read_format(body: bytes, order: str, path: Path) -> Header:
    """The chunk ``fmt``."""
    if len(body) < 16:
        raise UserError(f"dataset.path: {path} is no readable WAV file: its format is cut short")
    tag, channels, rate, _, align, bits = struct.unpack(f"{order}HHIIHH", body[:16])
    if tag == EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack(f"{order}H", body[24:26])[0]
    size = -(-bits // 8)
    # A number may stand in a wider place, at its upper end.
    if channels and align % channels == 0 and size <= align // channels <= 8:
        size = align // channels
    return Header(order, tag, channels, rate, size, bits)


def number_type(header: Header, path: Path) -> tuple[str, float, float]:
    """NumPy's name of the type of the numbers, what lies at zero, and full scale.

    Raises:
        UserError: if they are compressed, or of a type that isn't read.
    """
    if header.tag == FLOAT and header.bits in (32, 64) and header.size == header.bits // 8:
        return f"{header.order}f{header.size}", 0.0, 1.0
    if header.tag != PCM:
        raise UserError(
            f"dataset.path: {path} holds samples of format {header.tag:#x} and {header.bits} bits; only integers "
            "(PCM) and floats are read: convert it"
        )
    if header.size == 1 and header.bits:
        return "u1", 128.0, 128.0
    if header.size == 3 and header.order == "<":
        return PACKED_24, 0.0, float(2**23)
    if header.size in (2, 4):
        return f"{header.order}i{header.size}", 0.0, float(2 ** (8 * header.size - 1))
    raise UserError(
        f"dataset.path: {path} holds integers of {header.bits} bits; 8, 16, 24 and 32 are read: convert it"
    )


def available(header: Header, rest: int, frame: int, path: Path) -> int:
    """Bytes of samples: by the header, or where that can't be by the file's end, and said where they differ.

    Args:
        header: of the file.
        rest: bytes from the first sample to the end of the file.
        frame: bytes of one sample of all channels.
        path: of the file.
    """
    told = header.length
    if told == 0 or any(told in lengths for lengths in OPEN_LENGTHS):
        if told != rest and rest > 0:
            log.warning(
                "%s: its header leaves the length open, as while recording; all %d samples to the end of the file "
                "are read", path, rest // frame,
            )  # fmt: skip
        return rest
    if told > rest:
        promised, there = told // frame, max(rest, 0) // frame
        log.warning(
            "%s is cut short: its header promises %d samples, and the last %d of them are missing; the %d that "
            "are there are read", path, promised, promised - there, there,
        )  # fmt: skip
        return max(rest, 0)
    wraps = (rest - told) >> 32
    if wraps:
        # Lengths over 4 GB that were written in 32 bits.
        log.warning("%s: its header's length is that of its samples less %d times 4 GB; all are read", path, wraps)
    return told + (wraps << 32)
