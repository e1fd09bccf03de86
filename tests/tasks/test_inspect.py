"""``task=inspect`` on sources whose content is known, through the command line and from its files."""

import json

import numpy as np
import pytest

from amc_xai.data import Synthetic
from amc_xai.report import write_page
from amc_xai.report.inspection_files import read_inspection
from amc_xai.tasks.symbol_rates import RateReading, agreed, borne_out

pytestmark = pytest.mark.usefixtures("figures")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A labelled QPSK emission of 40 frames at 5 samples a symbol, then as much noise without a label below it."""
    root = tmp_path_factory.mktemp("inspected")
    signal = Synthetic(["QPSK"], [30], 1, frame_length=40 * 512, samples_per_symbol=5, channel=None)
    z = signal.read(np.arange(1))[0].numpy()
    rng = np.random.default_rng(0)
    quiet = 0.01 * rng.standard_normal(z.shape)
    np.save(root / "a.npy", (np.concatenate([z, quiet], 1).T).astype(np.float32))
    (root / "labels.csv").write_text(f"file,start,stop,modulation,snr\na.npy,0,{40 * 512},QPSK,30\n")
    return root


def inspect(cli, *given: str):
    done = cli("task=inspect", *given)
    assert done.code == 0, done.out + done.err
    return done, json.loads((done.folder / "inspection.json").read_text())


def test_a_recording_shows_where_somebody_transmits_and_at_which_rate(cli, recordings):
    given = [
        "dataset=recordings",
        f"dataset.path={recordings}",
        "dataset.frame_length=512",
        "dataset.sample_rate=1e6",
    ]
    done, about = inspect(cli, *given, f"dataset.labels={recordings}/labels.csv")
    [row] = about["by_class"]
    assert (row["modulation"], row["frames"], about["unlabelled"]["frames"]) == ("QPSK", 40, 40)
    level = 20 * np.log10(row["rms"] / about["unlabelled"]["rms"])
    assert level == pytest.approx(20 * np.log10(row["rms"] / (0.01 * 2**0.5)), abs=0.2)
    # One symbol rate is 0.2 cycles a sample, and roll-off adds to it.
    assert 0.15 < row["band_width"] < 0.3 and abs(row["band_centre"]) < 0.02
    [recording] = about["by_recording"]
    assert recording["recording"] == "a.npy" and (recording["start"], recording["stop"]) == (0, 80 * 512)
    assert recording["told"] and recording["samples_per_symbol"] == pytest.approx(5, rel=1e-3)
    assert any("dataset.samples_per_symbol=5" in sentence for sentence in about["warnings"])
    assert any("40 frames without a label lie 20 dB or more" in sentence for sentence in about["warnings"])
    found = read_inspection(done.folder)
    [picture] = found.recordings
    assert picture.cut_label.tolist() == ["QPSK", ""]
    assert picture.cut_start.tolist() == [0, 40 * 512] and picture.cut_stop.tolist() == [40 * 512, 80 * 512]
    page = (done.folder / "report.html").read_text()
    for name in ("inspection_power", "inspection_values", "inspection_spectrum", "inspection_spectrogram_0"):
        assert f'id="{name}"' in page
    assert page == (write_page(done.folder), (done.folder / "report.html").read_text())[1]
    # A stated rate that the signals contradict.
    _, other = inspect(cli, *given, "dataset.samples_per_symbol=8")
    assert any("dataset.samples_per_symbol is 8, but" in sentence for sentence in other["warnings"])


def test_samples_beyond_all_converters_are_said_and_the_others_shown(cli, tmp_path):
    z = np.random.default_rng(0).standard_normal((20 * 128, 2)).astype(np.float32)
    z[700] = 1.8e22
    np.save(tmp_path / "r.npy", z)
    given = ["dataset=recordings", f"dataset.path={tmp_path}", "dataset.frame_length=128", "dataset.sample_rate=1"]
    done, about = inspect(cli, *given)
    assert (
        "1 frames can't be used" in about["warnings"][0] and "absurd values, up to 1.8e+22" in about["warnings"][0]
    )
    assert about["not_finite"] == [5] and about["values"]["high"] < 10
    assert {"report.html", "inspection.npz"} <= done.files


def test_frames_of_several_lengths_and_names_that_are_no_names(cli, tmp_path):
    about = inspect(
        cli, "dataset.modulations=[BPSK]", "dataset.snrs=[10]", "dataset.frames_per_cell=9",
        "dataset.frame_length=[64,256]",
    )[1]  # fmt: skip
    assert about["frames"] == 9 and not about["not_finite"]
    (tmp_path / "labels.csv").write_text("file,start,stop,modulation,snr\nr.npy,,,<b>$\\frac$</b>,1\n")
    np.save(tmp_path / "r.npy", np.random.default_rng(0).standard_normal((20 * 128, 2)).astype(np.float32))
    given = ["dataset=recordings", f"dataset.path={tmp_path}", "dataset.frame_length=128", "dataset.sample_rate=1"]
    done, _ = inspect(cli, *given, f"dataset.labels={tmp_path}/labels.csv")
    page = (done.folder / "report.html").read_text()
    assert "<b>" not in page and "&lt;b&gt;$\\frac$&lt;/b&gt;" in page


def test_looks_that_agree_decide_and_sure_ones_before_others():
    rng = np.random.default_rng(0)
    found = np.concatenate([rng.uniform(7.99, 8.01, 12), rng.uniform(2, 16, 8)])
    reading = agreed(found, np.zeros(20, bool))
    assert reading.samples_per_symbol == pytest.approx(8, abs=0.02) and reading.agree >= 0.6 and reading.told
    assert not agreed(rng.uniform(2, 16, 20), np.zeros(20, bool)).told
    sure = np.zeros(20, bool)
    sure[15] = True
    alone = agreed(found, sure)
    assert alone.samples_per_symbol == found[15] and alone.sure == 1


def test_what_short_frames_say_gives_way_to_long_stretches():
    """At 100 samples a symbol frames find something between 2 and 16, and may agree on it."""
    wrong, right = RateReading(15.9, 0.9, 0, 64), RateReading(8.01, 0.9, 0, 64)
    slow, eight, guess = RateReading(100.0, 1, 1, 1), RateReading(8.0, 1, 1, 1), RateReading(100.0, 1, 0, 1)
    assert borne_out({"": wrong}, {0: slow}) == {}
    assert borne_out({"": wrong, "BPSK": right}, {0: slow, 1: eight}) == {"BPSK": right}
    # Where no recording tells, frames may, but not at the end of their range, where slower rates gather.
    assert borne_out({"": wrong, "BPSK": right}, {0: guess}) == {"BPSK": right}
    assert borne_out({"": wrong}, {}) == {"": wrong}
