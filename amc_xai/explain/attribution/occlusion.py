"""Occlusion: what the answer loses when a small window goes dark."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from amc_xai.explain.attribution.method import TaskOutput, in_chunks
from amc_xai.ranges import check_range


@dataclass(frozen=True)
class Occlusion:
    """The drop of the logit when a sliding window is emptied, averaged over the windows that cover a pixel.

    Zeiler and Fergus, "Visualizing and understanding convolutional networks" (ECCV 2014), section 4.2, by
    Captum. Each channel of an image is occluded on its own; of a sequence all channels (I and Q) at once.

    Attributes:
        window: side of the window as a share of the side of the image (or of the sequence).
        overlap: the window moves on by its side divided by this.
        batch_size: inputs in one pass through the network.
    """

    window: float = 0.125
    overlap: int = 2
    batch_size: int = 256
    unit: ClassVar[str] = "window"

    def __post_init__(self) -> None:
        check_range("(0, 1]", attribution__available__occlusion__window=self.window)
        check_range("[1, inf)", attribution__available__occlusion__overlap=self.overlap)

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        import captum.attr

        method = captum.attr.Occlusion(TaskOutput(network, task))
        sides = [max(1, round(self.window * length)) for length in x.shape[2:]]
        steps = [max(1, side // self.overlap) for side in sides]
        depth = 1 if x.ndim == 4 else x.shape[1]

        def explain(part: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
            return method.attribute(
                part,
                sliding_window_shapes=(depth, *sides),
                strides=(depth, *steps),
                baselines=0,
                target=classes,
                perturbations_per_eval=max(1, self.batch_size // len(part)),
            )

        with torch.no_grad():
            return in_chunks(explain, x, target, self.batch_size)
