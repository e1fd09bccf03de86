"""The limit of frames of few symbols is still one: held against the likelihood of the frame's own samples."""

import functools
import itertools
import math

import numpy as np
import pytest
import torch

from amc_xai.data import Synthetic
from amc_xai.limits.decisions import Settings, find_limits
from amc_xai.limits.observation import FrameModel
from amc_xai.signal.constellations import constellation
from amc_xai.signal.filters import root_raised_cosine_spectrum
from amc_xai.tasks.ceiling import limit_settings

LENGTH, STEP, NAMES = 15, 8, ("BPSK", "QPSK")


TIME = np.linspace(-8, 8, 16001)  # symbols
SPECTRUM = np.linspace(-0.625, 0.625, 201)  # cycles a symbol


def pulse() -> np.ndarray:
    """The root-raised-cosine pulse of roll-off 0.25 and unit energy at each of ``TIME``."""
    shape = root_raised_cosine_spectrum(torch.from_numpy(SPECTRUM), 0.25).numpy()
    return np.cos(2 * np.pi * TIME[:, None] * SPECTRUM) @ shape * (SPECTRUM[1] - SPECTRUM[0])


@functools.cache
def sequences(name: str, symbols: int) -> np.ndarray:
    """Every sequence (n, ``symbols``) of a class's points."""
    return np.array(list(itertools.product(constellation(name).numpy(), repeat=symbols)))


def share_right(es_n0: float, frames: int, seed: int) -> float:
    """How often the exact likelihood of the samples names the class: timing, pulse, gain and carrier known."""
    rng, shape = np.random.default_rng(seed), pulse()
    right = 0
    for k in range(frames * len(NAMES)):
        place = (np.arange(LENGTH)[:, None] - rng.uniform(0, STEP)) / STEP - np.arange(-4, 7)
        wave = np.interp(place, TIME, shape, 0, 0) / math.sqrt(STEP)
        wave = wave[:, (wave**2).sum(0) > 0.01]  # the pulses that put more than 1 % of their energy into the frame
        every = [sequences(name, wave.shape[1]) for name in NAMES]
        sent = every[k % 2][rng.integers(len(every[k % 2]))]
        noise = rng.standard_normal((LENGTH, 2)) @ (1, 1j) * math.sqrt(0.5 / es_n0)
        frame = wave @ sent + noise
        found = []
        for symbols in every:
            exponent = -es_n0 * (np.abs(frame - symbols @ wave.T) ** 2).sum(1)
            found.append(np.log(np.exp(exponent - exponent.max()).mean()) + exponent.max())
        right += int(np.argmax(found)) == k % 2
    return right / (frames * len(NAMES))


@pytest.mark.parametrize("db", [0.0, 5.0])
def test_no_receiver_beats_the_limit_of_frames_of_two_symbols(db):
    reached = share_right(10 ** (db / 10), 400, seed=3)
    deviation = math.sqrt(reached * (1 - reached) / 800)
    source = Synthetic(list(NAMES), [db], frames_per_cell=1, frame_length=LENGTH, samples_per_symbol=STEP)
    settings = limit_settings(source, np.arange(2), frames_per_cell=4000)
    (limit,) = find_limits(settings)
    # The symbols that fit whole fall short of it.
    (whole,) = find_limits(Settings(NAMES, (db,), FrameModel(LENGTH // STEP, LENGTH), 4000))
    assert whole.modulation_accuracy < reached - 1.5 * deviation < reached + deviation < limit.modulation_accuracy


@pytest.mark.parametrize("length", [15, 100, 1024])
def test_an_snr_a_sample_is_smaller_by_the_samples_a_symbol_whatever_the_frame_holds(length):
    source = Synthetic(
        ["BPSK"], [0], frames_per_cell=1, frame_length=length, samples_per_symbol=8,
        channel={"snr_definition": "sample"},
    )  # fmt: skip
    model = limit_settings(source, np.arange(1)).model
    assert model.es_n0_db(3.0) == pytest.approx(3 + 10 * math.log10(8), abs=1e-9)
    assert model.symbols >= length / 8
