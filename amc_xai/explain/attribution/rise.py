"""RISE: random masks, weighted by what the network still says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from amc_xai.explain.attribution.method import TaskOutput
from amc_xai.ranges import check_range


@dataclass(frozen=True)
class Rise:
    """How much more probable the class is when a pixel is kept than when it is masked.

    Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box models" (BMVC
    2018), equation 6 with the masks of section 3.2: coarse random grids, enlarged smoothly and shifted. Two
    deviations: the mean probability is taken off before averaging, which shifts the expected map by a constant
    and takes out most of its noise (a network that ignores its input gets exactly 0); and each channel of an
    image is masked on its own, because channels here are pictures of different things. All frames see the
    same masks.

    Attributes:
        masks: how many.
        grid: cells along a side of the coarse mask.
        keep: probability that a cell is kept.
        seed: of the masks; the same in every call.
        batch_size: inputs in one pass through the network.
    """

    masks: int = 1024
    grid: int = 8
    keep: float = 0.5
    seed: int = 0
    batch_size: int = 256
    unit: ClassVar[str] = "scale"

    def __post_init__(self) -> None:
        where = "attribution__available__rise"
        check_range("[1, inf)", **{f"{where}__masks": self.masks, f"{where}__grid": self.grid})
        check_range("(0, 1)", **{f"{where}__keep": self.keep})

    @torch.no_grad()
    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        output = TaskOutput(network, task)
        found = []
        for group in self.drawn(x):
            kept = (x * group[:, None]).flatten(0, 1)
            logits = torch.cat([output(part) for part in kept.split(self.batch_size)])
            probability = logits.softmax(-1).gather(1, target.repeat(len(group))[:, None])
            found.append(probability.view(len(group), len(x)))
        score = torch.cat(found).cpu().double()
        score = (score - score.mean(0)).to(x.dtype).to(x.device)
        total = torch.zeros_like(x)
        # The masks once more, rather than all of them in memory.
        for group, weight in zip(self.drawn(x), score.split(self.group(x)), strict=True):
            total += torch.einsum("gb,g...->b...", weight, group)
        return total / (self.masks * self.keep * (1 - self.keep))

    def group(self, x: torch.Tensor) -> int:
        """How many masks go through the network together."""
        return max(1, self.batch_size // len(x))

    def drawn(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield groups of masks (G, C, H, W) or, for sequences, (G, 1, L), values in [0, 1]."""
        generator = torch.Generator().manual_seed(self.seed)
        lengths = x.shape[2:]
        cells = [min(self.grid, length) for length in lengths]
        sides = [-(-length // cell) for length, cell in zip(lengths, cells, strict=True)]
        channels = x.shape[1] if x.ndim == 4 else 1
        mode = "bilinear" if x.ndim == 4 else "linear"
        group = self.group(x)
        for begin in range(0, self.masks, group):
            count = min(group, self.masks - begin)
            # One cell more than fits, so that a shifted mask still covers the whole input.
            coarse = torch.rand(count, channels, *(cell + 1 for cell in cells), generator=generator) < self.keep
            sizes = [(cell + 1) * side for cell, side in zip(cells, sides, strict=True)]
            fine = functional.interpolate(coarse.float(), size=sizes, mode=mode, align_corners=False)
            shifts = torch.stack([torch.randint(side, (count,), generator=generator) for side in sides], 1)
            windows = [
                mask[(slice(None), *(slice(s, s + n) for s, n in zip(shift, lengths, strict=True)))]
                for mask, shift in zip(fine, shifts.tolist(), strict=True)
            ]
            yield torch.stack(windows).to(x.device)
