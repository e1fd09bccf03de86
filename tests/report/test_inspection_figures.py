"""The figures of an inspection show the numbers of its files."""

import dataclasses

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.report.inspection import inspection_figures
from amc_xai.report.inspection_files import Inspection, RecordingPicture, read_inspection
from amc_xai.report.page_inspection import after_figures, before_figures

FREQUENCY = (np.arange(64) + 0.5) / 64 - 0.5


def row(name: str | None, frames: int, **more) -> dict:
    known = {
        "rms": 1.0,
        "rms_low": 0.1,
        "rms_high": 10.0,
        "band_centre": 0.45,
        "band_width": 0.2,
        "contrast_db": 12.0,
    }
    rate = {"samples_per_symbol": 8.0, "told": True, "agree": 0.75, "sure": 3, "looks": 20}
    return {"modulation": name, "frames": frames} | known | rate | more


@pytest.fixture
def found() -> Inspection:
    label = np.repeat([0, 1, -1], [100, 50, 20])
    rms = np.concatenate([np.full(100, 1.0), np.linspace(0.1, 10, 50), np.full(18, 0.01), [np.nan, 0]])
    about = {
        "frames": 170, "frame_length": 512, "sample_rate": 2e6, "samples_per_symbol": None, "snrs": [-4.0, 10.0],
        "snr_definition": None, "snr_meaning": "not known", "unknown": 20, "frames_by_cell": [[50, 50], [25, 25]],
        "by_class": [row("QPSK", 100), row("8PSK", 50, told=False, band_width=None, band_centre=None)],
        "unlabelled": row(None, 20), "by_snr": [{"snr": -4.0} | row(None, 75), {"snr": 10.0} | row(None, 75)],
        "by_recording": [{"recording": "a.cf32", "start": 0, "stop": 4_000_000} | row(None, 170, looks=1)],
        "values": {"low": -2.0, "high": 3.0}, "not_finite": [168], "dead": [169], "copies": [], "clipped": [],
        "warnings": ["a < b"],
    }  # fmt: skip
    counts = np.zeros(100, int)
    counts[40:43] = 5, 50, 7
    power = np.linspace(-60, 0, 64 * 30).reshape(64, 30).astype(np.float32)
    power[:, 20:] = np.nan
    picture = RecordingPicture(
        "a.cf32",
        power,
        np.arange(31) * 1000,
        np.array([0, 9000]),
        np.array([9000, 20_000]),
        np.array(["QPSK", ""]),
    )
    spectra = np.stack([np.where(np.abs(FREQUENCY) < 0.1, 5.0, 0.01)] * 3)
    names = np.array(["QPSK", "8PSK", "no label"])
    return Inspection(about, rms, label, np.arange(101) / 20, counts, FREQUENCY, spectra, names, [picture])


def by_gid(figure) -> dict:
    return {artist.get_gid(): artist for artist in figure.findobj(lambda a: a.get_gid() is not None)}


def test_files_come_back(found, tmp_path):
    found.save(tmp_path)
    back = read_inspection(tmp_path)
    assert back.about == found.about and len(back.recordings) == 1
    np.testing.assert_array_equal(back.recordings[0].power, found.recordings[0].power)
    np.testing.assert_array_equal(back.rms, found.rms)
    (tmp_path / "inspection.npz").write_bytes(b"half")
    with pytest.raises(UserError, match=r"inspection.*holds no readable inspection"):
        read_inspection(tmp_path)


def test_power_by_class_and_by_frame(found):
    figures = dict(inspection_figures(found))
    assert list(figures) == [
        "inspection_power", "inspection_values", "inspection_spectrum", "inspection_spectrogram_0",
    ]  # fmt: skip
    drawn = by_gid(figures["inspection_power"])
    assert drawn["median|QPSK"].get_xdata()[0] == pytest.approx(0)
    assert drawn["median|no label"].get_xdata()[0] == pytest.approx(-40)
    np.testing.assert_allclose(drawn["frames|8PSK"].get_ydata(), 20 * np.log10(found.rms[100:150]))
    assert drawn["frames|no label"].get_xdata().tolist() == list(range(150, 168))
    assert "2 frames of zeros or without numbers" in figures["inspection_power"].axes[1].get_title("left")


def test_values_and_spectra_and_where_a_band_goes_round_the_end(found):
    figures = dict(inspection_figures(found))
    bars = by_gid(figures["inspection_values"])["values"]
    values, edges, _ = bars.get_data()
    assert values.sum() == 62 and edges[values.argmax()] == pytest.approx(10 ** (41 / 20))
    figure = figures["inspection_spectrum"]
    assert set(by_gid(figure)) >= {"QPSK", "8PSK", "no label"}
    spans = [sorted(patch.get_extents().transformed(axes.transData.inverted()).intervalx.round(3))
             for axes in figure.axes[:1] for patch in axes.patches]  # fmt: skip
    # 0.45 +- 0.1 cycles a sample at 2 MHz: from 0.7 to 1 MHz, and from -1 to -0.9.
    assert sorted(spans) == [[-1.0, -0.9], [0.7, 1.0]]


def test_a_spectrogram_has_its_cuts_below_it(found):
    figure = dict(inspection_figures(found))["inspection_spectrogram_0"]
    drawn = by_gid(figure)
    assert drawn["spectrogram"].get_extent() == [0, 15, -1000, 1000]  # ms, kHz
    assert drawn["spectrogram"].get_array().mask[:, 20:].all()
    [bar] = drawn["cut|QPSK"].get_paths()
    assert bar.get_extents().intervalx.tolist() == [0, 4.5]


def test_the_page_has_every_table_and_names_what_is_only_a_guess(found):
    page = "".join([*before_figures(found.about), *after_figures(found.about)])
    for text in (
        "a &lt; b", "75 % of 20 agree, 3 sure", "(8)", "a.cf32", "<td>2</td>", "20.0", "900.00", "400.00",
        "no label", "from \N{MINUS SIGN}2 to 3", "25 to 50",
    ):  # fmt: skip
        assert text in page, text


def test_a_thousand_labels_make_no_figure_that_fills_the_memory(found):
    label = np.arange(1000)
    many = dataclasses.replace(
        found,
        about=found.about | {"by_class": [row(f"class {k}", 1) for k in label]},
        rms=np.ones(1000),
        modulation_label=label,
        spectra=np.ones((1000, 64)),
        spectrum_names=np.array([f"class {k}" for k in label]),
    )
    for name, figure in inspection_figures(many):
        assert figure.get_size_inches().max() < 40, name
    drawn = by_gid(dict(inspection_figures(many))["inspection_power"])
    assert len(drawn["frames|all others"].get_xdata()) == 1000 - 48
