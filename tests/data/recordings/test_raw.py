"""Files without a header: their endings' meaning, what overrides it, cuts, and arrays."""

import pickle

import numpy as np
import pytest

from amc_xai.data import Recordings
from amc_xai.data.recordings.datatypes import ENDINGS, likely_datatype
from amc_xai.data.recordings.rates import named_rate
from amc_xai.errors import UserError
from tests.data.recordings.reading import said, samples

N = 400
RNG = np.random.default_rng(6)
IQ = (0.3 * RNG.standard_normal((N, 2))).astype("f4")


# What these endings mean to the programs that write them.
MEANT = {
    "<f4": ".cf32 .fc32 .cfile .complex .c64",
    "<f8": ".cf64 .fc64 .c128",
    "<i2": ".cs16 .sc16 .c16 .complex32s",
    "i1": ".cs8 .sc8 .c8 .complex16s",
    "u1": ".cu8 .uc8 .complex16u",
    "<u2": ".cu16 .complex32u",
    "<i4": ".cs32 .sc32",
}


@pytest.mark.parametrize(("dtype", "ending"), [(d, e) for d, endings in MEANT.items() for e in endings.split()])
def test_an_ending_is_read_by_its_meaning(tmp_path, dtype, ending):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        data, expected = IQ.astype(dtype), IQ
    else:
        span = np.iinfo(kind)
        data = RNG.integers(span.min, span.max, (N, 2), endpoint=True).astype(dtype)
        data[0] = span.min, span.max
        full = 2.0 ** (8 * kind.itemsize - 1)
        expected = data / full if kind.kind == "i" else (data - (full - 0.5)) / (full - 0.5)
    data.tofile(tmp_path / f"r{ending}")
    np.testing.assert_allclose(samples(tmp_path / f"r{ending}"), expected, atol=1e-7)
    # The ending may be in capitals.
    (tmp_path / f"r{ending}").rename(tmp_path / f"R{ending.upper()}")
    np.testing.assert_allclose(samples(tmp_path), expected, atol=1e-7)


@pytest.mark.parametrize("ending", [".iq", ".bin", ".dat", ".raw", ".c32"])
def test_an_ending_without_a_meaning_is_refused_with_those_that_have_one(tmp_path, ending, caplog):
    path = tmp_path / f"r{ending}"
    (IQ * 2**11).astype("<i2").tofile(path)
    with pytest.raises(
        UserError, match=r"say dataset.datatype, one of cf32_le \(.cf32\).*rename.*look like ci16_le"
    ):
        samples(path)
    with pytest.raises(UserError, match="doesn't tell the type"):
        samples(tmp_path)
    np.testing.assert_allclose(samples(path, datatype="ci16_le"), IQ * 2**11 / 2**15, atol=2**-15)
    np.testing.assert_array_equal(samples(tmp_path, datatype="cs16"), samples(path, datatype="ci16_le"))
    # Beside others it is left out, and said so.
    IQ.tofile(tmp_path / "a.cf32")
    caplog.clear()
    np.testing.assert_array_equal(samples(tmp_path), IQ)
    assert f"r{ending} is left out: it has an ending that doesn't tell" in said(caplog)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"RIFF____WAVE", "looks like a WAV file: rename it to .wav"),
        (b"\x93NUMPY", "rename it to .npy"),
        (b"\x89HDF\r\n", "looks like an HDF5 file"),
        (pickle.dumps({"a": 1}), "looks like a pickle: dataset=radioml2016a"),
        (pickle.dumps({"a": 1}, 0), "looks like a pickle"),
        (b"PK\x03\x04", "unpack it"),
        (b"\x1f\x8b", "unpack it"),
        (b"BZh9", "unpack it"),
        (b"", "doesn't tell the type"),
        (b"\x80", "doesn't tell the type"),
    ],
)
def test_what_is_no_raw_file_at_all_is_told_by_its_first_bytes(tmp_path, head, words):
    (tmp_path / "r.dat").write_bytes(head)
    with pytest.raises(UserError, match=words):
        samples(tmp_path / "r.dat")


def test_a_type_that_is_given_wins(tmp_path, caplog):
    raw = RNG.integers(0, 256, (N, 2), dtype=np.uint8)
    raw.tofile(tmp_path / "r.cs8")
    np.testing.assert_allclose(samples(tmp_path / "r.cs8", datatype="cu8"), (raw - 127.5) / 127.5, atol=1e-7)
    assert "its ending says ci8; dataset.datatype=cu8 wins" in said(caplog)
    raw.view(">i2").tofile(tmp_path / "x.whatever")
    np.testing.assert_allclose(
        samples(tmp_path / "x.whatever", datatype="ci16_be"), raw.reshape(-1).view(">i2").reshape(-1, 2) / 2**15
    )
    IQ[:, 0].copy().tofile(tmp_path / "x.bin")
    np.testing.assert_array_equal(samples(tmp_path / "x.bin", datatype="rf32_le"), IQ * [1, 0])
    np.save(tmp_path / "x.npy", IQ)
    np.testing.assert_array_equal(samples(tmp_path / "x.npy", datatype="ci16"), IQ)
    assert "x.npy tells its own type, which stays" in said(caplog)
    for wrong in ("int16", "ci12", "cf16", "", "c", "ci16_xx", 3):
        with pytest.raises(UserError, match=r"^dataset.datatype must be a type of samples as SigMF names it"):
            samples(tmp_path / "x.bin", datatype=wrong)


def test_a_file_cut_in_mid_sample_is_read_up_to_there(tmp_path, caplog):
    (tmp_path / "r.cf32").write_bytes(IQ.tobytes()[:-3])
    np.testing.assert_array_equal(samples(tmp_path), IQ[:-1])
    assert f"ends in mid-sample: its last 5 of {8 * N - 3} bytes are left out" in said(caplog)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("<f4", "cf32_le"), ("<f8", "cf64_le"), ("<i2", "ci16_le"), (">i2", "ci16_be"), ("i1", "ci8"), ("u1", "cu8")],
)
def test_the_type_that_bytes_look_like(tmp_path, dtype, name):
    scale = {"f": 1, "i": 2000 if np.dtype(dtype).itemsize == 2 else 20, "u": 20}[np.dtype(dtype).kind]
    (IQ * scale + (128 if dtype == "u1" else 0)).astype(dtype).tofile(tmp_path / "r.bin")
    assert likely_datatype(tmp_path / "r.bin") == name
    (tmp_path / "r.bin").write_bytes(RNG.bytes(4096))
    assert likely_datatype(tmp_path / "r.bin") is None
    (tmp_path / "r.bin").write_bytes(bytes(4096))
    assert likely_datatype(tmp_path / "r.bin") is None


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("g001_868.3M_250k.cu8", 250e3),
        ("vdl2_model_16b_1050kHz.wav", 1.05e6),
        ("x_2.4Msps.cf32", 2.4e6),
        ("x-433.92M-1Msps.cf32", 1e6),
        ("x_1024S_48kS.cf32", 48e3),
        ("x_2.4M.cf32", 2.4e6),
        ("gqrx_20240101_101010_144800000_1800000_fc.raw", 1.8e6),
        ("x_868.3M.cf32", None),
        ("HDSDR_20200101_120000Z_7100kHz_RF.wav", None),
        ("ask_300_a_bit.complex", None),
        ("model_16b.cf32", None),
        ("0k.cf32", None),
        ("v2.cf32", None),
    ],
)
def test_a_rate_in_a_name_is_seen(tmp_path, name, rate):
    assert named_rate(tmp_path / name) == rate


def test_a_rate_in_a_name_is_offered_and_not_taken(tmp_path, caplog):
    IQ.tofile(tmp_path / "r_868.3M_250k.cf32")
    source = Recordings(str(tmp_path), 10)
    assert source.sample_rate is None
    assert (
        "seems to say a sample rate of 250000 Hz; it is taken as not known unless you say dataset.sample_rate="
        in said(caplog)
    )


def test_two_rates_hold_unless_one_number_of_samples_a_symbol_is_said_of_both(tmp_path, caplog):
    from scipy.io import wavfile

    for rate in (8000, 16_000):
        wavfile.write(tmp_path / f"{rate}.wav", rate, IQ[rate // 8000 :])
    IQ.tofile(tmp_path / "r.cf32")
    source = Recordings(str(tmp_path), 10)
    assert source.sample_rate is None and "the sample rate is not one number" in said(caplog)
    assert {r.path.name: r.sample_rate for r in source.recordings} == {
        "16000.wav": 16e3, "8000.wav": 8e3, "r.cf32": None,
    }  # fmt: skip
    with pytest.raises(
        UserError, match=r"samples_per_symbol=8 can't hold of all: .*16000 Hz but .* 8000 Hz; resample"
    ):
        Recordings(str(tmp_path), 10, samples_per_symbol=8)
    assert Recordings(str(tmp_path), 10, samples_per_symbol=8, sample_rate=8000).sample_rate == 8000
    (tmp_path / "8000.wav").unlink()
    assert Recordings(str(tmp_path), 10, samples_per_symbol=8).sample_rate == 16e3
    assert "1 recordings say no sample rate, such as" in said(caplog)


@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i4", "u1", "<u2"])
def test_an_array_of_integers_is_scaled_as_raw_files_are(tmp_path, dtype):
    kind = np.dtype(dtype)
    span = np.iinfo(kind)
    data = RNG.integers(span.min, span.max, (N, 2), endpoint=True).astype(dtype)
    full = 2.0 ** (8 * kind.itemsize - 1)
    expected = data / full if kind.kind == "i" else (data - (full - 0.5)) / (full - 0.5)
    for array in (data, data.T, np.asfortranarray(data)):
        np.save(tmp_path / "r.npy", array)
        np.testing.assert_allclose(samples(tmp_path), expected, atol=1e-7)


def test_of_an_array_with_several_antennas_one_is_chosen(tmp_path):
    z = RNG.standard_normal((3, N)) + 1j * RNG.standard_normal((3, N))
    for array in (z, z.T, z.astype(">c8"), np.asfortranarray(z)):
        np.save(tmp_path / "r.npy", array)
        with pytest.raises(UserError, match=r"dataset.antenna must choose one of the 3 channels"):
            samples(tmp_path)
        got = samples(tmp_path, antenna=2)
        np.testing.assert_allclose(got[:, 0] + 1j * got[:, 1], z[2], rtol=1e-6)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 2), np.int64), "whose full scale is not told; save it as int16"),
        (np.zeros((4, 2), bool), r"holds bool of shape \(4, 2\)"),
        (np.zeros(0, complex), r"of shape \(0,\)"),
        (np.zeros((), complex), r"of shape \(\)"),
        (np.zeros((2, 2, 2)), r"of shape \(2, 2, 2\)"),
        (np.array([{}]), "no readable .npy file"),
    ],
)
def test_an_array_of_another_kind_is_refused(tmp_path, array, words):
    np.save(tmp_path / "r.npy", array)
    with pytest.raises(UserError, match=words):
        samples(tmp_path)


def test_an_array_cut_short_is_refused(tmp_path):
    np.save(tmp_path / "r.npy", IQ)
    whole = (tmp_path / "r.npy").read_bytes()
    for end, words in ((-5, "is cut short: copy it again"), (60, "no readable .npy"), (0, "no readable .npy")):
        (tmp_path / "r.npy").write_bytes(whole[:end])
        with pytest.raises(UserError, match=words):
            samples(tmp_path)


def test_absurd_values_are_named_with_the_file_and_the_largest(tmp_path):
    broken = IQ.copy()
    broken[7, 0], broken[300, 1] = 3e19, -1.8e22
    broken.tofile(tmp_path / "r.c64")
    source = Recordings(str(tmp_path), 10)
    assert len(source.read(np.array([1, 2]))) == 2
    with pytest.raises(
        UserError, match=r"r\.c64 holds absurd values, up to 1.8e\+22 \(sample 7 is 3e\+19\), where"
    ):
        source.read(np.arange(3))
    (broken * 0 + 2.1e9).tofile(tmp_path / "r.c64")
    assert np.isfinite(Recordings(str(tmp_path), 10).read(np.array([0])).numpy()).all()
    # What float32 can't hold.
    (broken.astype("f8") * 1e200).tofile(tmp_path / "r.cf64")
    with pytest.raises(UserError, match=r"frame 0 of .*r\.cf64.*NaN or infinite"):
        Recordings(str(tmp_path / "r.cf64"), 10).read(np.array([0]))


def test_a_file_that_changes_under_the_reading(tmp_path):
    IQ.tofile(tmp_path / "r.cf32")
    source = Recordings(str(tmp_path), 10)
    (-IQ).tofile(tmp_path / "r.cf32")
    assert np.array_equal(source.read(np.array([0])).numpy()[0], -IQ[:10].T)
    (tmp_path / "r.cf32").write_bytes(b"")
    with pytest.raises(UserError, match="has become shorter while it is read"):
        source.read(np.array([0]))
    (tmp_path / "r.cf32").unlink()
    with pytest.raises(UserError, match="can't be read"):
        source.read(np.array([0]))


def test_every_ending_is_one_that_is_tested():
    untold = set(ENDINGS) - set(" ".join(MEANT.values()).split())
    assert untold == {".complex64", ".complex128", ".ci32", ".ci16", ".ci8", ".uc16"}


def test_files_of_a_system_and_half_written_ones_are_no_recordings(tmp_path):
    IQ.tofile(tmp_path / "a.cf32")
    (tmp_path / "._a.cf32").write_bytes(b"x")
    (tmp_path / ".a.123.partial.wav").write_bytes(b"x")
    assert [p.name for p in Recordings(str(tmp_path), 10).files] == ["a.cf32"]
    with pytest.raises(UserError, match=r"r\.mat has no ending of a recording \(dataset=arrays reads such\)"):
        (tmp_path / "r.mat").write_bytes(b"x")
        samples(tmp_path / "r.mat")
