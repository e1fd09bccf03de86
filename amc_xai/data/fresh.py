"""Batches that are drawn afresh on the device, without end."""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from amc_xai.data.batches import Rates
from amc_xai.data.contracts import Batch
from amc_xai.data.synthetic import Synthetic

# Frames of one length that follow one another on a GPU, for their representation to be drawn at once.
DRAWN_TOGETHER = 4096


class FreshBatches:
    """An epoch of batches drawn afresh on the device, from (seed, epoch, step) alone.

    Stands in for the training loader: ``batch_sampler`` (itself) takes ``epoch`` and ``start``. With ``rates`` (a
    curriculum) an SNR is drawn in proportion to its rate. ``rank`` of ``ranks`` processes draws its own share.
    Where the source has a range of frame lengths, each batch has one of them, the same in all processes (on a GPU
    several batches in a row). A ``teacher`` adds its posterior to the same frames.
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
        teacher: Callable[..., torch.Tensor] | None = None,
    ):
        self.source, self.frames, self.batch_size = source, frames_per_epoch, batch_size
        self.seed, self.device, self.rates = seed, device, rates
        self.rank, self.ranks = rank, ranks
        self._taught = {} if teacher is None else {"teacher": teacher}
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
            yield self.source.fresh(modulation, snr, generator, self.length_of(step), **self._taught)

    def length_of(self, step: int) -> int | None:
        """The frame length of a batch, even over its logarithm in steps of 16; None = the source's one."""
        low, high = getattr(self.source, "length_range", (0, 0))
        if low == high:
            return None
        together = max(1, DRAWN_TOGETHER // self.batch_size) if self.device.type == "cuda" else 1
        drawn = np.random.default_rng([self.seed, self.epoch, step // together, 0x1E46]).uniform(
            np.log(low), np.log(high)
        )
        return int(np.clip(16 * round(np.exp(drawn) / 16), low, high))
