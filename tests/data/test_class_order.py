"""Names of classes held against signals: no false alarm on any class, and permutations that are found."""

import numpy as np
import pytest
from omegaconf import OmegaConf

from amc_xai.data import Synthetic
from amc_xai.data.class_order import contradictions, looks_like
from amc_xai.signal.classes import LINEAR, MODULATIONS
from tests.conftest import CONF

FRAMES = 12


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Frames (24, n, 1024, 2) of all classes as RadioML makes them, at the lowest label that is looked at."""
    channel = {
        key: value
        for name in ("awgn", "radioml2018")
        for key, value in OmegaConf.load(CONF / "dataset" / "channel" / f"{name}.yaml").items()
        if key != "defaults"
    }
    source = Synthetic("all", [10], FRAMES, 1024, channel=channel)
    return source.read(np.arange(24 * FRAMES)).numpy().transpose(0, 2, 1).reshape(24, FRAMES, 1024, 2)


@pytest.mark.parametrize("length", [128, 1024])
def test_no_class_looks_unlike_its_name(frames, length):
    assert [looks_like(name, f[:, :length]) for name, f in zip(MODULATIONS, frames, strict=True)] == [None] * 24


def test_the_real_among_the_complex_are_found(frames):
    place = {name: k for k, name in enumerate(MODULATIONS)}
    for name in LINEAR:
        for other in LINEAR:
            told = looks_like(name, frames[place[other]])
            real = {name, other} & {"OOK", "4ASK", "8ASK", "BPSK"}
            assert (told is not None) == (len(real & {name}) != len(real & {other})), (name, other)


def test_the_list_that_ships_with_the_file_is_contradicted(frames):
    # fmt: off
    shipped = [
        "32PSK", "16APSK", "32QAM", "FM", "GMSK", "32APSK", "OQPSK", "8ASK", "BPSK", "8PSK", "AM-SSB-SC", "4ASK",
        "16PSK", "64APSK", "128QAM", "128APSK", "AM-DSB-SC", "AM-SSB-WC", "64QAM", "QPSK", "256QAM", "AM-DSB-WC",
        "OOK", "16QAM",
    ]
    # fmt: on
    flat, classes = frames.reshape(-1, 1024, 2), np.repeat(np.arange(24), FRAMES)
    snrs = np.full(len(classes), 10)
    said = contradictions(lambda rows: flat[rows], shipped, classes, snrs, 10)
    assert len(said) >= 8 and "8ASK looks like a complex constellation" in said
    assert contradictions(lambda rows: flat[rows], MODULATIONS, classes, snrs, 10) == []
    assert contradictions(lambda rows: flat[rows], shipped, classes, snrs, 12) == []  # labels too low to tell


def test_what_is_no_signal_contradicts_nothing(frames):
    for strange in (np.zeros((3, 128, 2)), np.full((3, 128, 2), np.nan), np.empty((0, 128, 2)), frames[0, :, :64]):
        assert contradictions(lambda rows, f=strange: f, ["8PSK"], np.zeros(1, int), np.full(1, 30), 10) == []
    assert looks_like("OOK", 1e38 * frames[0]) is None
