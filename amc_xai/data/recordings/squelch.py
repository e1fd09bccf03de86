"""Frames in which nobody transmits: their power, and the noise floor that it is held against."""

import logging

import numpy as np

from amc_xai.data.recordings.recording import Recording

log = logging.getLogger(__name__)
BLOCK = 1 << 20  # samples that are read at a time
# The floor is the power of the quietest of frames, or the density of the quietest of frequencies.
QUIETEST = 0.05
BINS, SEGMENTS = 256, 256


def frame_powers(recording: Recording, start: np.ndarray, length: int) -> np.ndarray:
    """The mean power a sample (N,) of frames of ``length`` samples that begin at ``start`` (N,), ascending."""
    powers = np.empty(len(start))
    k = 0
    while k < len(start):
        end = max(k + 1, int(np.searchsorted(start, start[k] + BLOCK)))
        first = int(start[k])
        samples = recording.read(first, int(start[end - 1]) + length - first).astype(np.float64)
        power = np.append(np.square(samples).sum(0), 0.0)
        begin = start[k:end] - first
        # Frame by frame: in a running sum one NaN, or one absurd sample, would decide for all frames after it.
        powers[k:end] = np.add.reduceat(power, np.stack([begin, begin + length], 1).ravel())[::2] / length
        k = end
    return powers


def noise_floor(recording: Recording, powers: np.ndarray, above_db: float) -> float:
    """The power a sample of the noise in a recording.

    That of its quietest frames, if others are ``above_db`` over them: then somebody transmits now and then. If
    none are, either all frames hold a signal or none does, and the quietest frequencies tell: times the whole
    bandwidth, they are what noise alone would have.
    """
    alive = powers[powers > 0]
    if not len(alive):
        return 0.0
    quiet = float(np.quantile(alive, QUIETEST))
    if (alive >= quiet * 10 ** (above_db / 10)).any() or len(recording) < BINS:
        return quiet
    log.info("%s is about equally loud throughout; its noise floor is read from its spectrum", recording.path)
    places = np.unique(np.linspace(recording.first, recording.stop - BINS, SEGMENTS).astype(np.int64))
    pieces = np.stack([recording.read(int(place), BINS) for place in places]).astype(np.float64)
    pieces = pieces[np.isfinite(pieces).all((1, 2))]
    if not len(pieces):
        return quiet
    window = np.hanning(BINS)
    spectrum = np.fft.fft((pieces[:, 0] + 1j * pieces[:, 1]) * window)
    density = np.square(np.abs(spectrum)).mean(0) / np.square(window).sum()
    return float(np.quantile(density, QUIETEST))


def transmitting(
    recording: Recording, start: np.ndarray, length: int, above_db: float
) -> tuple[np.ndarray, float]:
    """Which frames (N,) have a power of ``above_db`` dB or more over the noise floor, and that floor.

    A frame that holds NaN or infinity counts as one: to read it says so.
    """
    with np.errstate(all="ignore"):
        powers = frame_powers(recording, start, length)
        finite = np.isfinite(powers)
        floor = noise_floor(recording, powers[finite], above_db)
        loud = ~finite | ((powers >= floor * 10 ** (above_db / 10)) & (powers > 0))
        decibel = 10 * np.log10(floor) if floor > 0 else -np.inf
    log.info(
        "%s: noise floor %.1f dB (power a sample, full scale = 0 dB); %d of %d frames lie %g dB over it",
        recording.path, decibel, loud.sum(), len(start), above_db,
    )  # fmt: skip
    return loud, floor
