"""The embedded synthetic set: every frame made when it is read, the same on every machine."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from amc_xai.data.choice import check_count, check_decibels, check_names, check_seed, check_switch
from amc_xai.data.contracts import Batch
from amc_xai.errors import UserError, guess
from amc_xai.signal import Channel, Frames, draw_fresh, draw_seeded, synthesise
from amc_xai.signal.classes import DIGITAL_17, MODULATIONS
from amc_xai.signal.draws import SAMPLES, seeded_uniform
from amc_xai.signal.oversampling import block_size, symbol_counts
from amc_xai.signal.parameters import FrameParameters, frame_parameters
from amc_xai.signal.snr import HIGHEST_ES_N0_DB, LOWEST_ES_N0_DB, class_power, decibels_a_label

NAMED_SETS = {"digital": DIGITAL_17, "all": MODULATIONS}
CHUNK = 256
LENGTHS = 8  # how many a range of frame lengths is covered by


class Synthetic:
    """Seeded frames of the 24 RadioML classes, by definition.

    Frame k of a (modulation, SNR) cell is drawn from (seed, modulation, SNR, k) alone: it does not depend on
    which other cells are asked for, on their order, or on ``frames_per_cell``.

    A range of frame lengths is covered by ``LENGTHS`` of them, evenly spread over their logarithm; frame k of a
    cell has the (k mod ``LENGTHS``)-th. Frames are ordered by length first, so that ascending indices can be cut
    into batches of one length. Fresh batches have any length within the range.

    Args:
        modulations: class names in the order of the labels; or ``"digital"`` (the 17 digital classes), or
            ``"all"`` (24).
        snrs: SNRs in dB as ``channel.snr_definition`` counts them; as Es/N0 each within -40..90.
        frames_per_cell: frames of each (modulation, SNR) pair.
        frame_length: samples in a frame; or a range (low, high), one length a batch.
        samples_per_symbol: oversampling of the digital classes; or a range (low, high), of which each frame draws
            its own, evenly over the logarithm.
        channel: keyword arguments of :class:`amc_xai.signal.Channel`.
        seed: seed of all frames.
        endless: train on fresh frames drawn on the device instead of the set's own training part.
        frames_per_epoch: fresh frames that make an epoch; None = as many as the training part holds.
        path: where ``task=generate`` writes the set; the source itself reads nothing.

    Raises:
        UserError: for an unknown class, an SNR outside -40..90 dB of Es/N0, or counts below 1.
    """

    sample_rate = None
    origin = None

    def __init__(
        self,
        modulations: Sequence[str] | str,
        snrs: Sequence[float],
        frames_per_cell: int = 160,
        frame_length: int | Sequence[int] = 1024,
        samples_per_symbol: float | Sequence[float] = 8.0,
        channel: dict | None = None,
        seed: int = 0,
        endless: bool = False,
        frames_per_epoch: int | None = None,
        path: str | None = None,
    ):
        if isinstance(modulations, str):
            if modulations not in NAMED_SETS:
                raise UserError(
                    f"dataset.modulations must be a list of classes, digital or all, not {modulations!r}"
                )
            modulations = NAMED_SETS[modulations]
        self.modulations = check_names("dataset.modulations", modulations) or []
        unknown = [m for m in self.modulations if m not in MODULATIONS]
        if unknown or not self.modulations or len(set(self.modulations)) < len(self.modulations):
            wrong = "name each class once, and at least one"
            if unknown:
                wrong = f"{unknown[0]!r} is unknown{guess(unknown[0], MODULATIONS)}"
            raise UserError(f"dataset.modulations: {wrong}; choose from {', '.join(MODULATIONS)}")
        check_count("dataset.frames_per_cell", frames_per_cell, null=False)
        check_count("dataset.frames_per_epoch", frames_per_epoch)
        check_seed("dataset.seed", seed)
        check_switch("dataset.endless", endless)
        if channel is not None and not isinstance(channel, dict):
            raise UserError(f"dataset.channel: name a file of settings (dataset/channel=awgn), not {channel!r}")
        self.frames_per_cell = frames_per_cell
        self.length_range = check_range("frame_length", frame_length)
        self._oversampling = check_range("samples_per_symbol", samples_per_symbol)
        self._lengths = covering(*self.length_range)
        self.frame_length = int(self._lengths[-1])
        low, high = self._oversampling
        self._same = low == high
        self.samples_per_symbol = low if self._same else None
        self.channel = Channel(**(channel or {}))
        self.snr_definition = self.channel.snr_definition
        self.snrs = check_snrs(snrs, self.modulations, self.snr_definition, self._oversampling)
        self.seed = seed
        self.endless = endless
        self.frames_per_epoch = frames_per_epoch
        cells = len(self.modulations) * len(self.snrs)
        parts = []
        for index in range(len(self._lengths)):
            number = np.arange(index, frames_per_cell, len(self._lengths))
            parts.append((np.repeat(np.arange(cells), len(number)), np.tile(number, cells), index))
        cell = np.concatenate([part[0] for part in parts])
        self._number = np.concatenate([part[1] for part in parts])
        self.frame_lengths = np.repeat(self._lengths, [len(part[0]) for part in parts])
        self.modulation_index = cell // len(self.snrs)
        self.snr_index = cell % len(self.snrs)

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Make the frames (n, 2, L) float32 at these positions of the label arrays; all must be of one length."""
        parts = [frames.iq for frames in self._in_chunks(np.asarray(indices))]
        return torch.cat(parts) if parts else torch.zeros(0, 2, self.frame_length)

    def samples_per_symbol_of(self, indices: np.ndarray) -> torch.Tensor | None:
        """Samples a symbol (n,) float32 of these frames; None where all have ``samples_per_symbol``."""
        if self._same:
            return None
        indices, length = np.asarray(indices), self._length_of(indices)
        names = [self.modulations[m] for m in self.modulation_index[indices]]
        snrs = [self.snrs[s] for s in self.snr_index[indices]]
        uniform = seeded_uniform(self.seed, names, snrs, self._number[indices].tolist())[:, SAMPLES]
        return block_size(length, self._oversampling)[1] / symbol_counts(uniform, length, *self._oversampling)

    def symbol_instants(self, indices: np.ndarray) -> torch.Tensor:
        """The sample position (n, K) float32 of each frame's symbols, NaN for classes without symbols.

        Where frames have samples a symbol of their own, K is the most that one holds, and NaN follows the last.
        """
        made = list(self._in_chunks(np.asarray(indices)))
        first = torch.cat([frames.first_symbol for frames in made])
        length = made[0].iq.shape[2]
        count = int(length // self._oversampling[0])
        if self._same:
            return first[:, None] + torch.arange(count) * self._oversampling[0]
        step = torch.cat([frames.samples_per_symbol for frames in made])
        instants = first[:, None] + torch.arange(count) * step[:, None]
        return instants.masked_fill(instants >= length, math.nan)

    def parameters_of(self, indices: np.ndarray) -> FrameParameters:
        """Pulse, timing and carrier that each of these frames drew; all must be of one length."""
        indices = np.asarray(indices)
        modulation, snr = self.modulation_index[indices], np.asarray(self.snrs)[self.snr_index[indices]]
        length = self._length_of(indices)
        draws = draw_seeded(self.seed, modulation, snr, self._number[indices], *self._shape(length))
        return frame_parameters(draws, self._shape(length)[2], self.channel, length)

    def _in_chunks(self, indices: np.ndarray):
        return (self._make(indices[k : k + CHUNK]) for k in range(0, len(indices), CHUNK))

    def _length_of(self, indices: np.ndarray) -> int:
        lengths = np.unique(self.frame_lengths[indices])
        if len(lengths) > 1:
            raise UserError(
                f"dataset.frame_length: frames of {lengths[0]} and of {lengths[-1]} samples can't stand side by "
                "side here; use one length"
            )
        return int(lengths[0]) if len(lengths) else self.frame_length

    def _shape(self, length: int) -> tuple:
        return self.modulations, length, self._oversampling[0] if self._same else self._oversampling, self.channel

    def _make(self, indices: np.ndarray) -> Frames:
        modulation, snr = self.modulation_index[indices], np.asarray(self.snrs)[self.snr_index[indices]]
        shape = self._shape(self._length_of(indices))
        draws = draw_seeded(self.seed, modulation, snr, self._number[indices], *shape)
        return synthesise(torch.from_numpy(modulation), torch.from_numpy(snr).float(), draws, *shape)

    def fresh(
        self,
        modulation: torch.Tensor,
        snr: torch.Tensor,
        generator: torch.Generator,
        length: int | None = None,
        teacher: Callable[..., torch.Tensor] | None = None,
    ) -> Batch:
        """Frames of these labels that were never drawn before, on the generator's device; None = the longest.

        With a ``teacher`` (`amc_xai.limits.posterior.ClassPosterior`) its answer stands beside the same frames.
        """
        shape = self._shape(self.frame_length if length is None else length)
        device = generator.device
        draws = draw_fresh(len(modulation), *shape, generator, device)
        snr_db = torch.tensor(self.snrs, device=device)[snr]
        made = synthesise(modulation, snr_db, draws, *shape)
        own = None if self._same else made.samples_per_symbol
        posterior = None
        if teacher is not None:
            known = frame_parameters(draws, shape[2], self.channel)
            posterior = teacher(made, known, modulation, snr, generator)
        return Batch(made.iq, modulation, snr, own, posterior)


def check_range(key: str, value: float | Sequence[float]) -> tuple:
    """One number or a range (low, high) as a pair; equal where it is one."""
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    whole = key == "frame_length"
    numbers = all(isinstance(v, int if whole else (int, float)) and not isinstance(v, bool) for v in pair)
    if len(pair) != 2 or not numbers or not (1 <= pair[0] <= pair[1] and math.isfinite(pair[1])):
        what = "a whole number" if whole else "a number"
        raise UserError(f"dataset.{key} must be {what} of 1 or more, or a range [low, high] of them, not {value}")
    return pair if whole else (float(pair[0]), float(pair[1]))


def covering(low: int, high: int) -> np.ndarray:
    """Up to ``LENGTHS`` whole numbers from low to high, ascending, evenly spread over their logarithm."""
    return np.unique(np.geomspace(low, high, LENGTHS if high > low else 1).round().astype(int))


def check_snrs(
    snrs: Sequence[float],
    modulations: Sequence[str],
    definition: str = "es_n0",
    samples_per_symbol: tuple[float, float] = (8.0, 8.0),
) -> list[float]:
    """SNRs in dB as floats, each named once, and each of them within -40..90 dB of Es/N0 for every class."""
    values = check_decibels(snrs)
    if not values or len(set(values)) < len(values):
        raise UserError(f"dataset.snrs must name at least one SNR, and each only once, not {list(snrs)}")
    for name in modulations:
        power = class_power(definition, name)
        if power is None:
            raise UserError(f"dataset.channel.snr_definition: {definition} says nothing of {name}")
        spread = [0.0 if definition == "es_n0" else 10 * math.log10(sps) for sps in samples_per_symbol]
        for value in values:
            found = [decibels_a_label(definition) * value + power.decibel + more for more in spread]
            if not (found[0] >= LOWEST_ES_N0_DB and found[1] <= HIGHEST_ES_N0_DB):
                allowed = f"{LOWEST_ES_N0_DB:g}..{HIGHEST_ES_N0_DB:g} dB of Es/N0"
                of_class = "" if definition == "es_n0" else f": for {name} it stands for {found[1]:g} dB"
                raise UserError(f"dataset.snrs: {value:g} dB lies outside {allowed}{of_class}")
    return values
