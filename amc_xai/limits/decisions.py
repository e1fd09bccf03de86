"""The best decisions that can be made about a frame, counted by Monte Carlo."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from amc_xai.errors import UserError
from amc_xai.limits.crb import accuracy_on_grid, data_aided_db
from amc_xai.limits.likelihood import gain_free_log_likelihood, inside_level, kurtosis, log_likelihood
from amc_xai.limits.observation import FrameModel, Observation, check_classes, observe
from amc_xai.signal.constellations import constellation

SIGMAS = 6.0
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
    model, names = settings.model, settings.judged
    points = [constellation(name) for name in names]
    ratios = [10 ** (model.es_n0_db(snr) / 10) for snr in settings.snrs]
    bounds = np.array([data_aided_db(model.es_n0_db(snr), model.symbols, model.samples) for snr in settings.snrs])
    assumed_snr = accuracy_on_grid(bounds, settings.snrs) if settings.gain == "unknown" else np.ones(len(ratios))
    rows = []
    for s, ratio in enumerate(progress(ratios, "finding the limit", 0, len(ratios))):
        noise, snr = 1 / ratio, settings.snrs[s]
        drawn = [draw_cell(settings, name, snr, noise, ideal) for name, ideal in zip(names, points, strict=True)]
        # All classes at once: many short calls would cost more than the arithmetic.
        frames = Observation(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
        label = torch.arange(len(names)).repeat_interleave(settings.frames_per_cell)
        modulation = ceiling_decision(frames, names, points, noise) == label
        joint = joint_log_likelihood(frames, names, points, ratios, model.samples, settings.gain)
        level = joint.logsumexp(1).argmax(1) == s
        both = joint.flatten(1).argmax(1) == label * len(ratios) + s
        right = np.array([int(hits.sum()) for hits in (modulation, level, both)])
        simulated, assumed = len(names), len(settings.modulations) - len(names)
        frames_simulated = simulated * settings.frames_per_cell
        shares = right / max(frames_simulated, 1)
        accuracy = (simulated * shares + assumed * np.array([1.0, assumed_snr[s], assumed_snr[s]])) / (
            simulated + assumed
        )
        rows.append(LimitRow(snr, frames_simulated, *right.tolist(), *accuracy.tolist(), crb_db=float(bounds[s])))
    return rows


def draw_cell(settings: Settings, name: str, snr: float, noise: float, points: torch.Tensor) -> Observation:
    """The frames of one class at one SNR, from a random stream of their own."""
    label = [settings.seed, *name.encode(), round((snr + 1000) * 1000)]
    return observe(
        points.numpy(), name == "OQPSK", noise, settings.frames_per_cell, settings.model,
        np.random.default_rng(label),
    )  # fmt: skip


def ceiling_decision(
    frames: Observation, names: Sequence[str], points: Sequence[torch.Tensor], noise: float
) -> torch.Tensor:
    """The most likely class (B,) int64, everything known but the symbols."""
    scores = []
    for name, ideal in zip(names, points, strict=True):
        symbols, outside = frames.of(name == "OQPSK")
        scores.append(log_likelihood(symbols, ideal, noise) - outside / noise)
    return torch.stack(scores, 1).argmax(1)


def joint_log_likelihood(
    frames: Observation,
    names: Sequence[str],
    points: Sequence[torch.Tensor],
    ratios: Sequence[float],
    samples: int,
    gain: str = "unknown",
) -> torch.Tensor:
    """Log-likelihood (B, C, S) float64 of every class at every Es/N0, up to a constant of the frame.

    With the gain unknown, an SNR is passed over (minus infinity) where the noise levels inside and outside the
    band would lie ``SIGMAS`` standard deviations apart.
    """
    count, device = len(frames.symbols), frames.symbols.device
    grid = torch.tensor(ratios, dtype=torch.float64, device=device)
    widest = max(kurtosis(ideal) for ideal in points)
    result = torch.full((count, len(names), len(grid)), -torch.inf, dtype=torch.float64, device=device)
    for c, (name, ideal) in enumerate(zip(names, points, strict=True)):
        symbols, outside = frames.of(name == "OQPSK")
        if gain == "known":
            for s, ratio in enumerate(ratios):
                own = log_likelihood(symbols, ideal, 1 / ratio) - outside * ratio
                result[:, c, s] = own + (samples - symbols.shape[1]) * np.log(ratio)
            continue
        free = outside.clamp(min=1e-30).log() - np.log(samples - symbols.shape[1])
        inside, variance = inside_level(symbols, grid[None, :], widest)
        apart = (inside - free[:, None]).abs()
        spread = (variance + 1 / (samples - symbols.shape[1])).sqrt()
        score = apart / spread
        possible = (score < SIGMAS) | (score == score.amin(1, keepdim=True))
        row, column = possible.nonzero(as_tuple=True)
        result[row, c, column] = gain_free_log_likelihood(symbols[row], outside[row], samples, ideal, grid[column])
    return result
