"""The embedded synthetic set: every frame made when it is read, the same on every machine."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from amc_xai.data.batches import Rates
from amc_xai.data.contracts import Batch
from amc_xai.errors import UserError
from amc_xai.signal import Channel, draw_fresh, draw_seeded, synthesise
from amc_xai.signal.classes import DIGITAL_17, MODULATIONS, SNRS_RADIOML

NAMED_SETS = {"digital": DIGITAL_17, "all": MODULATIONS}
CHUNK = 256


class Synthetic:
    """Seeded frames of the 24 RadioML classes, by definition.

    Frame k of a (modulation, SNR) cell is drawn from (seed, modulation, SNR, k) alone: it does not depend on
    which other cells are asked for, on their order, or on ``frames_per_cell``.

    Args:
        modulations: class names in the order of the labels; or ``"digital"`` (the 17 digital classes), or
            ``"all"`` (24).
        snrs: SNRs in dB, each within -20..30.
        frames_per_cell: frames of each (modulation, SNR) pair.
        frame_length: samples in a frame.
        samples_per_symbol: oversampling of the digital classes.
        channel: keyword arguments of :class:`amc_xai.signal.Channel`.
        seed: seed of all frames.
        endless: train on fresh frames drawn on the device instead of the set's own training part.
        frames_per_epoch: fresh frames that make an epoch; None = as many as the training part holds.
        path: where ``task=generate`` writes the set; the source itself reads nothing.

    Raises:
        UserError: for an unknown class, an SNR outside -20..30 dB, or counts below 1.
    """

    sample_rate = None

    def __init__(
        self,
        modulations: Sequence[str] | str,
        snrs: Sequence[float],
        frames_per_cell: int = 160,
        frame_length: int = 1024,
        samples_per_symbol: float = 8.0,
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
        self.modulations = list(modulations)
        unknown = [m for m in self.modulations if m not in MODULATIONS]
        if unknown or not self.modulations or len(set(self.modulations)) < len(self.modulations):
            wrong = f"{unknown[0]!r} is unknown" if unknown else "name each class once, and at least one"
            raise UserError(f"dataset.modulations: {wrong}; choose from {', '.join(MODULATIONS)}")
        self.snrs = check_snrs(snrs)
        for key, value in {"frames_per_cell": frames_per_cell, "frame_length": frame_length}.items():
            if value < 1:
                raise UserError(f"dataset.{key} must be 1 or more, not {value}")
        self.frames_per_cell = frames_per_cell
        self.frame_length = frame_length
        self.samples_per_symbol = float(samples_per_symbol)
        self.channel = Channel(**(channel or {}))
        self.snr_definition = self.channel.snr_definition
        self.seed = seed
        self.endless = endless
        self.frames_per_epoch = frames_per_epoch
        cells = len(self.modulations) * len(self.snrs)
        cell = np.repeat(np.arange(cells), frames_per_cell)
        self.modulation_index = cell // len(self.snrs)
        self.snr_index = cell % len(self.snrs)

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Make the frames (n, 2, L) float32 at these positions of the label arrays."""
        indices = np.asarray(indices)
        parts = [self._make(indices[k : k + CHUNK]) for k in range(0, len(indices), CHUNK)]
        return torch.cat([frames.iq for frames in parts]) if parts else torch.zeros(0, 2, self.frame_length)

    def symbol_instants(self, indices: np.ndarray) -> torch.Tensor:
        """The sample position (n, K) float32 of each frame's symbols, NaN for classes without symbols."""
        indices = np.asarray(indices)
        first = torch.cat([self._make(indices[k : k + CHUNK]).first_symbol for k in range(0, len(indices), CHUNK)])
        count = int(self.frame_length // self.samples_per_symbol)
        return first[:, None] + torch.arange(count) * self.samples_per_symbol

    def _make(self, indices: np.ndarray):
        modulation, snr = self.modulation_index[indices], np.asarray(self.snrs)[self.snr_index[indices]]
        shape = (self.modulations, self.frame_length, self.samples_per_symbol, self.channel)
        draws = draw_seeded(self.seed, modulation, snr, indices % self.frames_per_cell, *shape)
        return synthesise(torch.from_numpy(modulation), torch.from_numpy(snr).float(), draws, *shape)

    def fresh(self, modulation: torch.Tensor, snr: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Frames (B, 2, L) that were never drawn before, for these labels, on the generator's device."""
        shape = (self.modulations, self.frame_length, self.samples_per_symbol, self.channel)
        device = generator.device
        draws = draw_fresh(len(modulation), *shape, generator, device)
        snr_db = torch.tensor(self.snrs, device=device)[snr]
        return synthesise(modulation, snr_db, draws, *shape).iq


def check_snrs(snrs: Sequence[float]) -> list[float]:
    """SNRs in dB as floats, each within -20..30 and named once."""
    values = [float(s) for s in snrs]
    low, high = SNRS_RADIOML[0], SNRS_RADIOML[-1]
    outside = [s for s in values if not low <= s <= high]
    if outside:
        raise UserError(f"dataset.snrs: {outside[0]:g} dB lies outside {low}..{high} dB")
    if not values or len(set(values)) < len(values):
        raise UserError(f"dataset.snrs must name at least one SNR, and each only once, not {list(snrs)}")
    return values


class FreshBatches:
    """An epoch of batches drawn afresh on the device, from (seed, epoch, step) alone.

    Stands in for the training loader: ``batch_sampler`` (itself) takes ``epoch`` and ``start``. With ``rates`` (a
    curriculum) an SNR is drawn in proportion to its rate. ``rank`` of ``ranks`` processes draws its own share.
    """

    def __init__(
        self,
        source: Synthetic,
        frames_per_epoch: int,
        batch_size: int,
        seed: int,
        device: torch.device,
        rates: Rates | None = None,
        rank: int = 0,
        ranks: int = 1,
    ):
        self.source, self.frames, self.batch_size = source, frames_per_epoch, batch_size
        self.seed, self.device, self.rates = seed, device, rates
        self.rank, self.ranks = rank, ranks
        self.epoch, self.start = 0, 0
        self.batch_sampler = self

    def __len__(self) -> int:
        return max(1, self.frames // self.batch_size)

    def report(self) -> dict[str, float]:
        """Under a curriculum, the mean of this epoch's rates."""
        return {} if self.rates is None else {"curriculum_share": float(self.rates(self.epoch).mean())}

    def __iter__(self) -> Iterator[Batch]:
        generator = torch.Generator(self.device)
        size = -(-self.batch_size // self.ranks)
        for step in range(self.start, len(self)):
            entropy = np.random.SeedSequence([self.seed, self.epoch, step, self.rank, 0xF5E5])
            generator.manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))
            options = {"generator": generator, "device": self.device}
            modulation = torch.randint(len(self.source.modulations), (size,), **options)
            if self.rates is None:
                snr = torch.randint(len(self.source.snrs), (size,), **options)
            else:
                rates = torch.as_tensor(self.rates(self.epoch), dtype=torch.float32, device=self.device)
                snr = torch.multinomial(rates, size, replacement=True, generator=generator)
            yield Batch(self.source.fresh(modulation, snr, generator), modulation, snr)
