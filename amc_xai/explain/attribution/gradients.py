"""Averages of gradients over noisy copies of the input: Gradient SHAP and SmoothGrad, both Captum's."""

from dataclasses import dataclass

import torch
from torch import nn

from amc_xai.explain.attribution.method import TaskOutput, in_chunks, seeded


@dataclass(frozen=True)
class GradientShap:
    """Gradients at random points between the empty input and noisy copies, times the input.

    Lundberg and Lee, "A unified approach to interpreting model predictions" (NIPS 2017), as expected gradients
    with the empty input as the only reference.

    Attributes:
        samples: copies of each frame.
        noise: standard deviation of what is added to a copy, in the units of the input (log(1 + count)).
        seed: of all draws; the same in every call.
        batch_size: inputs in one pass through the network.
    """

    samples: int = 16
    noise: float = 0.1
    seed: int = 0
    batch_size: int = 256

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        import captum.attr

        method = captum.attr.GradientShap(TaskOutput(network, task))

        def explain(part: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
            empty = torch.zeros_like(part[:1])
            return method.attribute(
                part, baselines=empty, n_samples=self.samples, stdevs=self.noise, target=classes
            )

        with seeded(self.seed, x.device):
            return in_chunks(explain, x, target, self.batch_size // self.samples)


@dataclass(frozen=True)
class SmoothGrad:
    """The gradient averaged over noisy copies of the input.

    Smilkov et al., "SmoothGrad: removing noise by adding noise" (2017), equation 2, with its sign kept. Speaks
    of unlit pixels too: what a point there would change.

    Attributes:
        samples: copies of each frame.
        noise: standard deviation of what is added to a copy, in the units of the input (log(1 + count)).
        times_input: multiply by the input, so that the map estimates what each lit pixel adds.
        seed: of all draws; the same in every call.
        batch_size: inputs in one pass through the network.
    """

    samples: int = 16
    noise: float = 0.1
    times_input: bool = False
    seed: int = 0
    batch_size: int = 256

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        import captum.attr

        method = captum.attr.NoiseTunnel(captum.attr.Saliency(TaskOutput(network, task)))

        def explain(part: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
            return method.attribute(
                part,
                nt_type="smoothgrad",
                nt_samples=self.samples,
                stdevs=self.noise,
                target=classes,
                abs=False,
            )

        with seeded(self.seed, x.device):
            gradient = in_chunks(explain, x, target, self.batch_size // self.samples)
        return gradient * x if self.times_input else gradient
