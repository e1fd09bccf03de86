"""WAV files of I and Q as programs leave them: their samples are read, whatever their headers say of lengths."""

import struct

import numpy as np
import pytest

from amc_xai.data import Recordings
from amc_xai.errors import UserError
from tests.data.recordings.reading import said, samples

N = 60
RNG = np.random.default_rng(5)


def chunk(name: bytes, body: bytes, length: int | None = None, order: str = "<", pad: bool = True) -> bytes:
    return (
        struct.pack(f"{order}4sI", name, len(body) if length is None else length)
        + body
        + b"\0" * (pad and len(body) % 2)
    )


def form(tag=1, channels=2, rate=96_000, bits=16, size=None, order="<") -> bytes:
    align = channels * (size or -(-bits // 8))
    return chunk(
        b"fmt ", struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * align, align, bits), None, order
    )


def wav(*chunks: bytes, kind=b"RIFF", size=None, order="<") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return kind + struct.pack(f"{order}I", len(body) if size is None else size) + body


def packed(values: np.ndarray) -> bytes:
    """Integers of 24 bits, least byte first."""
    return b"".join(int(v).to_bytes(3, "little", signed=True) for v in values.reshape(-1))


VALUES = RNG.integers(-(2**15), 2**15, (N, 2))
DATA = VALUES.astype("<i2").tobytes()
WIDE = RNG.integers(-(2**23), 2**23, (N, 2))
WIDE[0], WIDE[1] = (-(2**23), 2**23 - 1), (-1, 1)


LIST = chunk(b"LIST", b"INFOISFT\x05\0\0\0noise")
AUXI = chunk(b"auxi", bytes(range(164)))
WHOLE = {
    "plain": wav(form(), chunk(b"data", DATA)),
    "notes of recorders, before and behind": wav(form(), AUXI, LIST, chunk(b"data", DATA), LIST),
    "an odd chunk without its pad byte": wav(form(), chunk(b"LIST", b"odd", pad=False), chunk(b"data", DATA)),
    "an odd chunk with it": wav(form(), chunk(b"LIST", b"odd"), chunk(b"data", DATA)),
    "RIFF size 0": wav(form(), chunk(b"data", DATA), size=0),
    "RIFF size too large": wav(form(), chunk(b"data", DATA), size=2**32 - 1),
    "extensible": wav(
        chunk(
            b"fmt ",
            struct.pack("<HHIIHHHHIH", 0xFFFE, 2, 96_000, 384_000, 4, 16, 22, 16, 3, 1)
            + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71",
        ),
        chunk(b"data", DATA),
    ),
    "RF64": wav(
        chunk(b"ds64", struct.pack("<QQQI", 0, len(DATA), N, 0)),
        form(),
        chunk(b"data", DATA, 2**32 - 1),
        LIST,
        kind=b"RF64",
        size=2**32 - 1,
    ),
    "BW64 with sizes": wav(chunk(b"ds64", bytes(28)), form(), chunk(b"data", DATA), kind=b"BW64"),
    "big-endian": wav(
        form(order=">"), chunk(b"data", VALUES.astype(">i2").tobytes(), None, ">"), kind=b"RIFX", order=">"
    ),
}


@pytest.mark.parametrize("which", WHOLE)
def test_a_whole_file_is_read_without_a_word(tmp_path, which, caplog):
    (tmp_path / "r.wav").write_bytes(WHOLE[which])
    np.testing.assert_array_equal(samples(tmp_path / "r.wav"), VALUES / 2**15)
    assert said(caplog) == ""
    assert Recordings(str(tmp_path), 1).sample_rate == 96_000


OPEN = {
    "sizes of 0": wav(form(), chunk(b"data", DATA, 0), size=0),
    "data size 0": wav(form(), chunk(b"data", DATA, 0)),
    "sizes of 4294967295": wav(form(), chunk(b"data", DATA, 2**32 - 1), size=2**32 - 1),
    "as sox streams": wav(form(), chunk(b"data", DATA, 0x7FFFFFFF - 36), size=0x7FFFFFFF),
    "RF64 without its sizes": wav(
        chunk(b"ds64", bytes(28)), form(), chunk(b"data", DATA, 2**32 - 1), kind=b"RF64"
    ),
}


@pytest.mark.parametrize("which", OPEN)
def test_a_length_that_was_never_written_is_that_of_the_file(tmp_path, which, caplog):
    (tmp_path / "r.wav").write_bytes(OPEN[which])
    np.testing.assert_array_equal(samples(tmp_path / "r.wav"), VALUES / 2**15)
    assert f"its header leaves the length open, as while recording; all {N} samples" in said(caplog)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("left", [1, 2, 3, 5, 7])
def test_of_a_file_cut_short_the_whole_samples_are_read_and_the_missing_ones_counted(tmp_path, bits, left, caplog):
    """Down to one sample, at each place in a sample of 24 bits."""
    size = 2 * bits // 8
    (tmp_path / "r.wav").write_bytes(
        wav(form(bits=bits), chunk(b"data", bytes(range(200)) * 6))[: 44 + size + left]
    )
    whole = (size + left) // size
    got = samples(tmp_path / "r.wav")
    assert len(got) == whole
    promised = 1200 // size
    assert f"promises {promised} samples, and the last {promised - whole} of them are missing" in said(caplog)
    assert ("ends in mid-sample" in said(caplog)) == bool((size + left) % size)


def test_24_bits_are_mapped_and_come_back_exactly(tmp_path):
    (tmp_path / "r.wav").write_bytes(wav(form(bits=24), chunk(b"data", packed(WIDE))))
    np.testing.assert_array_equal(samples(tmp_path / "r.wav"), (WIDE / 2**23).astype("f4"))
    # 24 bits in a place of 32 stand at its upper end.
    (tmp_path / "r.wav").write_bytes(
        wav(form(bits=24, size=4), chunk(b"data", (WIDE << 8).astype("<i4").tobytes()))
    )
    np.testing.assert_array_equal(samples(tmp_path / "r.wav"), (WIDE / 2**23).astype("f4"))


def test_of_four_channels_an_antenna_is_a_pair(tmp_path):
    (tmp_path / "r.wav").write_bytes(wav(form(channels=4), chunk(b"data", DATA)))
    with pytest.raises(UserError, match=r"dataset.antenna must choose one of the 2 channels of .*antenna=0 to 1"):
        samples(tmp_path / "r.wav")
    for antenna in (0, 1):
        np.testing.assert_array_equal(samples(tmp_path, antenna=antenna), VALUES[antenna::2] / 2**15)
    with pytest.raises(UserError, match=r"dataset.antenna=2: .*has 2 channel"):
        samples(tmp_path, antenna=2)


def test_a_length_over_4_gigabytes_in_32_bits_is_put_right(tmp_path, caplog):
    """A sparse file; header and length as HDSDR leaves them."""
    path, frames = tmp_path / "r.wav", 2**30 + 50
    with path.open("wb") as file:
        file.write(wav(form(), chunk(b"data", b"", 4 * frames % 2**32), size=100))
        file.seek(44 + 4 * (frames - 1))
        file.write(struct.pack("<hh", 16384, -8192))
    source = Recordings(str(path), frame_length=50, hop=2**20)
    (recording,) = source.recordings
    assert len(recording) == frames and "less 1 times 4 GB; all are read" in said(caplog)
    assert recording.read(frames - 1, 1).ravel().tolist() == [0.5, -0.25]


REFUSED = {
    "empty": (b"", "no readable WAV file"),
    "no WAV": (b"RIFF\0\0\0\0AVI LIST", "no readable WAV file"),
    "Wave64": (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "Sony's Wave64: convert it to RF64"),
    "cut in its header": (WHOLE["plain"][:30], "its format is cut short"),
    "cut before its format": (WHOLE["plain"][:14], "it ends before it says what they are"),
    "cut before its samples": (WHOLE["plain"][:36], "it ends before the samples begin"),
    "no samples": (wav(form(), chunk(b"data", b"")), "holds no samples: it ends with its header"),
    "less than a sample": (wav(form(), chunk(b"data", b"abc")), "holds no samples"),
    "samples before their format": (wav(chunk(b"data", DATA), form()), "its samples come before their format"),
    "compressed": (wav(form(tag=2, bits=4, size=1), chunk(b"data", DATA)), "of format 0x2 and 4 bits"),
    "floats of 16 bits": (wav(form(tag=3), chunk(b"data", DATA)), "of format 0x3 and 16 bits; only integers"),
    "64 bits": (wav(form(bits=64), chunk(b"data", DATA)), "holds integers of 64 bits; 8, 16, 24 and 32 are read"),
    "0 bits": (wav(form(bits=0), chunk(b"data", DATA)), "holds integers of 0 bits"),
    "three channels": (wav(form(channels=3), chunk(b"data", DATA)), r"has 3 channel\(s\); I/Q needs two"),
    "no channel": (wav(form(channels=0), chunk(b"data", DATA)), r"has 0 channel\(s\); I/Q needs two"),
    "a chunk that never ends": (wav(chunk(b"LIST", b"x", 2**32 - 1), form()), "it ends before it says what"),
    "nothing but chunks": (wav(*[chunk(b"JUNK", b"")] * 10_001), "no samples among its first 10000 chunks"),
}  # fmt: skip


@pytest.mark.parametrize("which", REFUSED)
def test_what_holds_no_samples_is_refused_in_a_sentence(tmp_path, which):
    content, sentence = REFUSED[which]
    (tmp_path / "r.wav").write_bytes(content)
    with pytest.raises(UserError, match=rf"^dataset.path: .*r\.wav.*{sentence}[^\n]*$"):
        samples(tmp_path / "r.wav")


def test_the_rate_that_nobody_told_a_program_is_taken_with_a_warning(tmp_path, caplog):
    path = tmp_path / "burst_16b_1050kHz.wav"
    path.write_bytes(wav(form(rate=44_100), chunk(b"data", DATA)))
    assert Recordings(str(path), 1).sample_rate == 44_100
    assert "its header says 44100 Hz, which is taken, and its name seems to say 1050000 Hz" in said(caplog)
    assert "dataset.sample_rate=1050000 would win" in said(caplog)
    assert "which programs write when nobody tells them" in said(caplog)
    caplog.clear()
    assert Recordings(str(path), 1, sample_rate=1.05e6).sample_rate == 1.05e6
    assert "dataset.sample_rate=1050000 wins over the headers of 1 recordings" in said(caplog)
    path.write_bytes(wav(form(rate=0), chunk(b"data", DATA)))
    assert Recordings(str(path), 1).sample_rate is None
