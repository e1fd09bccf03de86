"""Which frames of recordings belong to one emission, and the symbol rate that they share."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from amc_xai.data.contracts import FrameSource
from amc_xai.data.stretches import Stretch, number_of_recording, samples_of
from amc_xai.representation.synchronisation import estimate_symbol_rate
from amc_xai.representation.synchronisation.rate import HIGHEST, LOWEST

# A frame is part of an emission if its power is so many times that of the recording's quietest (in 20), where
# more than one frame is: else all are.
LOUD, QUIETEST, CLICKS = 4.0, 0.05, 1
GAP = 8  # frames of silence that an emission may hold: signals fade
AT_ONCE = 1024
# Where a rate is out of a network's reach the emission is resampled to so many samples a symbol.
RESAMPLED_TO = 8.0


@dataclass(frozen=True)
class Emission:
    """Frames (n,) of one recording that are one transmission, silent ones between them left out.

    ``stretch`` holds all frames from the first to the last.
    """

    recording: int
    frames: np.ndarray
    stretch: Stretch

    @property
    def start(self) -> int:
        """Its first sample."""
        return int(self.stretch.start[0])

    @property
    def stop(self) -> int:
        """The first sample after it."""
        return self.stretch.stop


def powers_of(source: FrameSource) -> np.ndarray:
    """The mean power a sample (N,) of all frames."""
    powers = np.empty(len(source.modulation_index))
    for part in np.array_split(np.arange(len(powers)), -(-len(powers) // AT_ONCE)):
        powers[part] = source.read(part).double().square().sum(1).mean(-1).numpy()
    return powers


def is_loud(powers: np.ndarray) -> np.ndarray:
    """Which frames (n,) of one recording hold a transmission, by their powers."""
    alive = powers > 0
    if not alive.any():
        return alive
    over = powers >= LOUD * np.quantile(powers[alive], QUIETEST)
    return alive & over if over.sum() > CLICKS else alive


def emissions_of(source: FrameSource, powers: np.ndarray) -> list[Emission]:
    """The emissions in the recordings of a source, in their order; of frames with these powers (N,)."""
    recording, start, length = number_of_recording(source), source.origin.start, source.origin.length
    order = np.lexsort([start, recording])
    found = []
    for mine in np.split(order, np.flatnonzero(np.diff(recording[order])) + 1):
        loud = np.flatnonzero(is_loud(powers[mine]))
        if not len(loud):
            continue
        # Frames that don't touch are of different annotations, or what a squelch left.
        hole = np.concatenate([[0], np.cumsum(np.diff(start[mine]) > length)])
        breaks = (np.diff(loud) > GAP) | (np.diff(hole[loud]) > 0)
        for part in np.split(loud, np.flatnonzero(breaks) + 1):
            whole = mine[part[0] : part[-1] + 1]
            stretch = Stretch(int(recording[mine[0]]), whole, start[whole], length)
            found.append(Emission(stretch.recording, mine[part], stretch))
    return found


def complex_samples(source: FrameSource, emission: Emission, most: int) -> torch.Tensor:
    """Samples (n,) complex64 of an emission, of unit power; of its middle where it holds more than ``most``."""
    iq = torch.from_numpy(samples_of(source, emission.stretch, most)).double()
    z = torch.complex(iq[0], iq[1])
    return (z / z.abs().square().mean().sqrt().clamp(min=1e-300)).to(torch.complex64)


def rates_by_frame(source: FrameSource, frames: np.ndarray) -> np.ndarray:
    """Samples a symbol float32 (n,), each frame searched for its own."""
    found = []
    for part in np.array_split(frames, -(-len(frames) // 256)):
        iq = source.read(part)
        told = estimate_symbol_rate(torch.complex(iq[:, 0], iq[:, 1])).samples_per_symbol
        found.append(told.clamp(LOWEST, HIGHEST).numpy())
    return np.concatenate(found)


def resampled(z: torch.Tensor, factor: float) -> torch.Tensor:
    """Samples (n,) complex at a ``factor``-th of their rate, mixed down by the middle of their power; what lies
    beyond the new rate is filtered out."""
    size, count = len(z), int(len(z) / factor)
    spectrum = torch.fft.fft(z.to(torch.complex128))
    keep = min(size, count)
    power = torch.cumsum(torch.cat([spectrum, spectrum[: keep - 1]]).abs().square(), 0)
    inside = power[keep - 1 :] - torch.cat([power.new_zeros(1), power[: size - 1]])
    # Of all bands with nearly the most power the middle one, on the circle of frequencies.
    best = torch.nonzero(inside >= inside.max() * (1 - 1e-3))[:, 0].double() * (2 * math.pi / size)
    turn = math.atan2(float(best.sin().mean()), float(best.cos().mean()))
    first = round(turn / (2 * math.pi) * size)
    places = (first + torch.arange(keep)) % size
    kept = torch.zeros(count, dtype=torch.complex128)
    kept[:keep] = spectrum[places]
    return torch.fft.ifft(torch.roll(kept, -(keep // 2))).to(torch.complex64) * (count / size)
