"""The best decisions that can be made about a frame, counted by Monte Carlo."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from amc_xai.errors import UserError
from amc_xai.limits.crb import accuracy_on_grid, data_aided_db
from amc_xai.limits.density import symbol_density
from amc_xai.limits.gain import first_guess, inside_level, kurtosis, tabulated_gain_free
from amc_xai.limits.observation import FrameModel, Observation, check_classes, observe
from amc_xai.signal.constellations import constellation
from amc_xai.signal.snr import decibels_a_label

SIGMAS = 6.0
# Above, the tables of a symbol's likelihood lose to rounding what tells two classes apart. There is nothing to
# gain either: the closest points, 256QAM's, are mistaken once in e^100 symbols, and the SNR's bound is flat.
HIGHEST_DB = 45.0
Progress = Callable[[Iterable, str, int, int], Iterable]


@dataclass(frozen=True)
class Settings:
    """Of which frames the limit is asked, and how closely. Raises UserError on a bad value."""

    modulations: tuple[str, ...]
    snrs: tuple[float, ...]
    model: FrameModel = field(default_factory=FrameModel)
    frames_per_cell: int = 100
    seed: int = 0
    gain: str = "unknown"
    """unknown: frames come at any scale, as to a classifier that normalises their power. known: the noise alone
    tells the SNR."""
    assume_right: tuple[str, ...] = ("GMSK",)
    """Classes that are counted as always right and never mistaken for others."""

    def __post_init__(self) -> None:
        check_classes(self.modulations)
        if not self.snrs:
            raise UserError("limits: there is no SNR of which to find a limit")
        if self.frames_per_cell < 1:
            raise UserError(f"task.frames_per_cell must be 1 or more, not {self.frames_per_cell}")
        if self.gain not in ("known", "unknown"):
            raise UserError(f"task.gain: {self.gain!r} is unknown, allowed are known and unknown")
        if "GMSK" in self.modulations and "GMSK" not in self.assume_right:
            raise UserError("task.assume_right must hold GMSK: its symbols aren't independent points")
        if not self.judged:
            raise UserError(f"limits: {', '.join(self.modulations)} alone would all be counted as right")

    def es_n0_db(self, snr: float) -> list[float]:
        """The different Es/N0 in dB that classes have at one SNR, ascending."""
        return sorted({round(self.model.es_n0_db(snr, name), 6) for name in self.judged})

    @property
    def judged(self) -> list[str]:
        """The classes whose likelihood is worked out."""
        return [name for name in self.modulations if name not in self.assume_right]


@dataclass(frozen=True)
class LimitRow:
    """What is possible at one SNR. Counts are out of ``frames`` simulated ones, accuracies over all classes."""

    snr: float
    frames: int
    modulation_right: int
    snr_right: int
    joint_right: int
    modulation_accuracy: float
    snr_accuracy: float
    joint_accuracy: float
    crb_db: float


def find_limits(settings: Settings, progress: Progress = lambda items, text, done, total: items) -> list[LimitRow]:
    """One row for each SNR, classes in equal shares. On the CPU: the numbers are in float64.

    - Modulation: largest average likelihood, all but the symbols known (noise, gain, timing, phase, carrier).
    - SNR: largest posterior over the grid with equal priors, classes summed over; gain as ``settings`` say.
    - Joint: largest posterior over (class, SNR) pairs; right where both are.
    - ``crb_db``: Cramer-Rao bound of the standard deviation with known symbols and unknown gain. The classes
      that are assumed right reach it in SNR.
    """
    model, names, snrs = settings.model, settings.judged, settings.snrs
    amplitudes = [model.amplitude(name) for name in names]
    bounds = data_aided_bounds(settings)
    scale = decibels_a_label(model.snr_definition)
    steps = [scale * snr for snr in snrs]
    assumed_snr = accuracy_on_grid(bounds, steps) if settings.gain == "unknown" else np.ones(len(snrs))
    rows = []
    for s, snr in enumerate(progress(snrs, "finding the limit", 0, len(snrs))):
        frames, ratios = draw_frames(settings, s), grid_of(settings, s)
        label = torch.arange(len(names)).repeat_interleave(settings.frames_per_cell)
        modulation = ceiling_decision(frames, names, ratios[:, s], amplitudes) == label
        joint = joint_log_likelihood(frames, names, ratios, model.samples, settings.gain, amplitudes)
        level = joint.logsumexp(1).argmax(1) == s
        both = joint.flatten(1).argmax(1) == label * len(snrs) + s
        right = np.array([int(hits.sum()) for hits in (modulation, level, both)])
        simulated, assumed = len(names), len(settings.modulations) - len(names)
        frames_simulated = simulated * settings.frames_per_cell
        shares = right / max(frames_simulated, 1)
        accuracy = (simulated * shares + assumed * np.array([1.0, assumed_snr[s], assumed_snr[s]])) / (
            simulated + assumed
        )
        rows.append(LimitRow(snr, frames_simulated, *right.tolist(), *accuracy.tolist(), crb_db=float(bounds[s])))
    return rows


def excess(settings: Settings, place: int, highest_db: float = HIGHEST_DB) -> float:
    """By which factor the Es/N0 of the SNR in this place exceeds the highest that is worked out; 1 at least."""
    return max(1.0, 10 ** ((settings.es_n0_db(settings.snrs[place])[-1] - highest_db) / 10))


def grid_of(settings: Settings, place: int, highest_db: float = HIGHEST_DB) -> np.ndarray:
    """Es/N0 (C, S) as ratios, of each class that is judged at each SNR, to judge frames at the SNR in this place.

    Where that lies above ``highest_db``, frames and grid are moved down together.
    """
    ratios = [[settings.model.es_n0(snr, name) for snr in settings.snrs] for name in settings.judged]
    # To a millionth of a dB: grids that were moved down onto each other then share their tables.
    return 10 ** (np.round(10 * np.log10(np.array(ratios) / excess(settings, place, highest_db)), 6) / 10)


def data_aided_bounds(settings: Settings) -> np.ndarray:
    """Bound (S,) of the standard deviation in dB at each SNR, the mean over the classes."""
    model = settings.model
    bounds = [
        [data_aided_db(model.es_n0_db(snr, name), model.symbols, model.samples) for name in settings.judged]
        for snr in settings.snrs
    ]
    return np.array(bounds).mean(1)


def draw_frames(settings: Settings, place: int, highest_db: float = HIGHEST_DB) -> Observation:
    """Frames of all classes that are judged, at the SNR in this place; noise is the same for all of them.

    All classes at once: many short calls would cost more than the arithmetic.
    """
    model, snr, drawn = settings.model, settings.snrs[place], []
    for name in settings.judged:
        noise = excess(settings, place, highest_db) / model.es_n0(snr, name)
        cell = draw_cell(settings, name, snr, noise, constellation(name))
        drawn.append(cell.scaled(model.amplitude(name)))
    return Observation(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))


def draw_cell(settings: Settings, name: str, snr: float, noise: float, points: torch.Tensor) -> Observation:
    """The frames of one class at one SNR, from a random stream of their own."""
    label = [settings.seed, *name.encode(), round((snr + 1000) * 1000)]
    return observe(
        points.numpy(), name == "OQPSK", noise, settings.frames_per_cell, settings.model,
        np.random.default_rng(label),
    )  # fmt: skip


def ceiling_decision(
    frames: Observation, names: Sequence[str], ratios: Sequence[float], amplitudes: Sequence[float] | None = None
) -> torch.Tensor:
    """The most likely class (B,) int64, everything known but the symbols.

    ratios (C,): Es/N0 of each class at the noise of these frames; amplitudes (C,): RMS that each class has in
    them, None = 1.
    """
    scores = []
    for name, ratio, amplitude in zip(names, ratios, amplitudes or [1.0] * len(names), strict=True):
        scores.append(symbol_density(name, ratio).log_sum(frames.outputs(name == "OQPSK") / amplitude))
    return torch.stack(scores, 1).argmax(1)


def joint_log_likelihood(
    frames: Observation,
    names: Sequence[str],
    ratios: np.ndarray | Sequence[float],
    samples: int,
    gain: str = "unknown",
    amplitudes: Sequence[float] | None = None,
) -> torch.Tensor:
    """Log-likelihood (B, C, S) float64 of every class at every SNR, up to a constant of the frame.

    ratios: Es/N0 (S,) of all classes, or (C, S) of each; amplitudes (C,) as in :func:`ceiling_decision`. With the
    gain unknown, an SNR is passed over (minus infinity) where :func:`possible_snrs` says so.
    """
    grid = np.broadcast_to(ratios, (len(names), np.shape(ratios)[-1])).tolist()
    amplitudes = amplitudes or [1.0] * len(names)
    result = torch.full((len(frames.energy), len(names), len(grid[0])), -torch.inf, dtype=torch.float64)
    for c, name in enumerate(names):
        # With the gain unknown, all classes must judge the same samples: a scale of one's own would favour it.
        own = frames.scaled(1 / amplitudes[c]) if gain == "known" else frames
        outputs, outside = own.of(name == "OQPSK")
        possible = possible_snrs(outputs, outside, samples, grid[c], names, gain)
        for s, ratio in enumerate(grid[c]):
            rows, density = possible[:, s].nonzero()[:, 0], symbol_density(name, ratio)
            if gain == "known":
                level = samples * math.log(ratio / amplitudes[c] ** 2)
                result[:, c, s] = density.log_sum(outputs) - ratio * own.energy + level
            elif len(rows):
                y, rest, energy = outputs[rows], outside[rows], own.energy[rows]
                level = first_guess(y, rest, samples, kurtosis(constellation(name)), ratio)
                result[rows, c, s] = tabulated_gain_free(y, energy, level, samples, density)[0]
    return result


def possible_snrs(
    outputs: torch.Tensor,
    outside: torch.Tensor,
    samples: int,
    ratios: Sequence[float],
    names: Sequence[str],
    gain: str = "unknown",
    sigmas: float = SIGMAS,
) -> torch.Tensor:
    """Which SNRs (B, S) are worth a look: those at which the noise levels inside and outside the band lie less
    than ``sigmas`` standard deviations apart, and always the nearest one. With the gain known, all."""
    grid = torch.tensor(ratios, dtype=torch.float64)
    if gain == "known":
        return torch.ones(len(outputs), len(grid), dtype=torch.bool)
    beyond = samples - outputs.shape[1]
    free = outside.clamp(min=1e-30).log() - math.log(beyond)
    inside, variance = inside_level(outputs, grid[None, :], max(kurtosis(constellation(name)) for name in names))
    score = (inside - free[:, None]).abs() / (variance + 1 / beyond).sqrt()
    return (score < sigmas) | (score == score.amin(1, keepdim=True))
