"""The frames of emissions as a network is to see them: with their symbol rate, resampled if it is out of reach."""

from typing import NamedTuple

import numpy as np
import torch

from amc_xai.data.contracts import FrameSource
from amc_xai.data.stretches import number_of_recording
from amc_xai.errors import UserError
from amc_xai.representation.synchronisation import emission_symbol_rate, estimate_symbol_rate
from amc_xai.verdicts.emissions import (
    RESAMPLED_TO,
    Emission,
    complex_samples,
    emissions_of,
    powers_of,
    rates_by_frame,
    resampled,
)
from amc_xai.verdicts.looks import BINS, Look, look
from amc_xai.verdicts.scope import is_clock

LOOKED_AT = 1 << 18  # samples of an emission that its rate is read from
MOST_RESAMPLED = 1 << 22
ALIKE = 0.004
GIVEN, OF_TRAINING, ESTIMATED, NOT_TOLD = "given", "as trained", "estimated", "not told"


class Heard(NamedTuple):
    """An emission, what its samples show, and the samples a symbol that it is taken to have (None = each frame is
    searched for them), with how they are known: ``given``, ``estimated`` or ``not told``."""

    emission: Emission
    look: Look
    samples_per_symbol: float | None
    told: str


class EmissionFrames:
    """A source: the frames of the emissions in another that is cut from recordings, with the silent ones between.

    Of each frame, ``emission`` (N,) is the place of its own in ``heard``, -1 for silence, and ``start`` and
    ``stop`` (N,) are its samples in the recording ``file_index``. Frames of zeros alone are left out.

    Args:
        source: cut from recordings; its ``samples_per_symbol`` hold for all where it states them.
        own_rates: the lowest and highest samples a symbol that the network was trained at, if it takes them frame
            by frame; None = it was trained at one rate, or does not look.
        told: how the source's ``samples_per_symbol`` are known.
    """

    origin = None

    def __init__(self, source: FrameSource, own_rates: tuple[float, float] | None = None, told: str = GIVEN):
        self.source, self._own_rates, self._told = source, own_rates, told
        self.modulations, self.snrs = source.modulations, source.snrs
        self.samples_per_symbol, self.sample_rate = source.samples_per_symbol, source.sample_rate
        self.snr_definition, self.frame_length = source.snr_definition, source.frame_length
        self.names: list[str] = source.names
        self.powers = powers_of(source)
        if not (self.powers > 0).any():
            raise UserError(f"dataset.path: all {len(self.powers)} frames hold zeros alone, which is no signal")
        self.heard = [self._hear(emission) for emission in emissions_of(source, self.powers)]
        self._resampled: dict[int, torch.Tensor] = {}
        rows = [self._rows(k) for k in range(len(self.heard))]
        spoken = np.concatenate([heard.emission.frames for heard in self.heard] or [np.zeros(0, int)])
        silent = np.setdiff1d(np.flatnonzero(self.powers > 0), spoken)
        rows.append(self._of_source(silent, -1))
        columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
        files = number_of_recording(source)[columns[-1]]
        order = np.lexsort([columns[2], files])
        self.place, self.emission, self.start, self.stop, self.rate, labels = (c[order] for c in columns)
        self.file_index = files[order]
        self.modulation_index, self.snr_index = source.modulation_index[labels], source.snr_index[labels]
        if own_rates is not None:
            self.samples_per_symbol = None

    def _hear(self, emission: Emission) -> Heard:
        z = complex_samples(self.source, emission, LOOKED_AT)
        seen = look(z.numpy())
        if self.source.samples_per_symbol is not None:
            return Heard(emission, seen, float(self.source.samples_per_symbol), self._told)
        rate = clock_of(z, seen)
        return Heard(emission, seen, rate, NOT_TOLD if rate is None else ESTIMATED)

    def _rows(self, number: int) -> tuple[np.ndarray, ...]:
        """Place in the source or the resampled emission, emission, start, stop, rate, frame that has the label."""
        heard = self.heard[number]
        rate = heard.samples_per_symbol
        if (
            self._own_rates is None
            or rate is None
            or self._own_rates[0] * 0.98 <= rate <= self._own_rates[1] * 1.02
        ):
            return self._of_source(heard.emission.frames, number)
        z = complex_samples(self.source, heard.emission, MOST_RESAMPLED)
        goal = min(max(RESAMPLED_TO, self._own_rates[0]), self._own_rates[1])
        factor = rate / goal
        count = int(len(z) / factor) // self.frame_length
        if not count:
            return self._of_source(heard.emission.frames, number)
        self._resampled[number] = resampled(z, factor)
        middle = (heard.emission.start + heard.emission.stop - len(z)) // 2
        place = np.arange(count) * self.frame_length
        start = middle + np.round(place * factor).astype(np.int64)
        stop = middle + np.round((place + self.frame_length) * factor).astype(np.int64)
        whole = heard.emission.stretch
        labels = whole.frames[np.searchsorted(whole.start, (start + stop) // 2, "right") - 1]
        return place, np.full(count, number), start, stop, np.full(count, goal, np.float32), labels

    def _of_source(self, frames: np.ndarray, number: int) -> tuple[np.ndarray, ...]:
        start = self.source.origin.start[frames]
        rate = np.full(len(frames), np.nan, np.float32)
        if self._own_rates is not None and len(frames):
            known = None if number < 0 else self.heard[number].samples_per_symbol
            rate[:] = rates_by_frame(self.source, frames) if known is None else known
        number = np.full(len(frames), number)
        return frames, number, start, start + self.frame_length, rate, frames

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32."""
        frames = torch.empty(len(indices), 2, self.frame_length)
        of_source = np.array([self.emission[k] not in self._resampled for k in indices], dtype=bool)
        if of_source.any():
            frames[torch.from_numpy(of_source)] = self.source.read(self.place[indices[of_source]])
        for row in np.flatnonzero(~of_source):
            k = indices[row]
            z = self._resampled[self.emission[k]][self.place[k] : self.place[k] + self.frame_length]
            frames[row] = torch.view_as_real(z).T
        return frames

    def samples_per_symbol_of(self, indices: np.ndarray) -> torch.Tensor | None:
        """Samples a symbol (n,) float32 where the network takes them frame by frame, else None."""
        return None if self._own_rates is None else torch.from_numpy(self.rate[indices])


def clock_of(z: torch.Tensor, seen: Look) -> float | None:
    """The samples a symbol of complex samples (n,) of one emission; None where nothing tells them."""
    short, long = estimate_symbol_rate(z), emission_symbol_rate(z)
    rate, other = float(short.samples_per_symbol[0]), long.samples_per_symbol
    alike = abs(rate / other - 1) < ALIKE if np.isfinite(other) else False
    for found, sure in ((rate, bool(short.sure[0]) or alike), (other, long.sure)):
        if sure and is_clock(found, seen.bandwidth, 2 / BINS):
            return found
    return None
