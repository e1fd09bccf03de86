"""Averages of gradients over changed copies of the input: Gradient SHAP, expected gradients and SmoothGrad.

Noise falls on lit pixels alone: a dark pixel is one where no point fell, and no network knows a picture in which
all of them are a little lit. All frames of a batch see the same draws, so that a map doesn't depend on how frames
are cut into batches; and one copy of them goes through the network at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.explain.attribution.method import TaskOutput, in_chunks
from amc_xai.ranges import check_range


@dataclass(frozen=True)
class GradientShap:
    """Gradients at random points between the empty input and noisy copies, times the input.

    Lundberg and Lee, "A unified approach to interpreting model predictions" (NIPS 2017), as expected gradients
    with the empty input as the only reference. Of a linear network it is the terms of its sum.

    Attributes:
        samples: copies of each frame.
        noise: standard deviation of what is added to lit pixels, in the units of the input (log(1 + count)).
        seed: of all draws; the same in every call.
        batch_size: inputs in one pass through the network.
    """

    samples: int = 16
    noise: float = 0.1
    seed: int = 0
    batch_size: int = 256
    unit: ClassVar[str] = "logit"

    def __post_init__(self) -> None:
        check_range("[1, inf)", attribution__available__gradient_shap__samples=self.samples)
        check_range("[0, inf)", attribution__available__gradient_shap__noise=self.noise)

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        def explain(part: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
            total = torch.zeros_like(part)
            for generator in _draws(self.seed, self.samples):
                share = float(torch.rand((), generator=generator))
                total += gradient(network, share * _noisy(part, self.noise, generator), classes, task)
            return total / self.samples * part

        return in_chunks(explain, x, target, self.batch_size)


@dataclass(frozen=True)
class ExpectedGradients:
    """Gradients at random points between other frames and the input, times their difference.

    Erion, Janizek, Sturmfels, Lundberg and Lee, "Improving performance of deep learning models with axiomatic
    attribution priors and expected gradients" (Nature Machine Intelligence 3, 2021), equation 3: the map adds up,
    in the mean, to F(x) less the mean F of the references. What speaks for a class here does so against real
    frames, not against emptiness, to which a network has an answer of its own.

    Attributes:
        samples, seed, batch_size: as `GradientShap` has them.
        donors: the references, of the shape of the input's frames; the task that explains hands them in.
    """

    samples: int = 32
    seed: int = 0
    batch_size: int = 256
    donors: torch.Tensor | None = None
    unit: ClassVar[str] = "donors"

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        if self.donors is None:
            raise UserError("attribution.methods: expected_gradients needs other frames as references")

        def explain(part: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
            total = torch.zeros_like(part)
            for generator in _draws(self.seed, self.samples):
                share = float(torch.rand((), generator=generator))
                donor = self.donors[int(torch.randint(len(self.donors), (), generator=generator))]
                away = part - donor
                total += gradient(network, donor + share * away, classes, task) * away
            return total / self.samples

        return in_chunks(explain, x, target, self.batch_size)


@dataclass(frozen=True)
class SmoothGrad:
    """The gradient averaged over noisy copies of the input.

    Smilkov et al., "SmoothGrad: removing noise by adding noise" (2017), equation 2, with its sign kept. Speaks
    of unlit pixels too: what a point there would change.

    Attributes:
        samples, noise, seed, batch_size: as `GradientShap` has them.
        times_input: multiply by the input, so that the map estimates what each lit pixel adds.
    """

    samples: int = 16
    noise: float = 0.1
    times_input: bool = False
    seed: int = 0
    batch_size: int = 256

    @property
    def unit(self) -> str:
        return "logit" if self.times_input else "gradient"

    def __post_init__(self) -> None:
        check_range("[1, inf)", attribution__available__smooth_grad__samples=self.samples)
        check_range("[0, inf)", attribution__available__smooth_grad__noise=self.noise)

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        def explain(part: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
            total = torch.zeros_like(part)
            for generator in _draws(self.seed, self.samples):
                total += gradient(network, _noisy(part, self.noise, generator), classes, task)
            return total / self.samples

        found = in_chunks(explain, x, target, self.batch_size)
        return found * x if self.times_input else found


def gradient(network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
    """The gradient of each frame's logit of its class with respect to ``x``; same shape."""
    x = x.detach().requires_grad_()
    logits = TaskOutput(network, task)(x)
    return torch.autograd.grad(logits.gather(1, target[:, None]).sum(), x)[0]


def _noisy(x: torch.Tensor, noise: float, generator: torch.Generator) -> torch.Tensor:
    """``x`` and noise: on the lit pixels of images, on all samples of sequences."""
    added = noise * torch.randn(x.shape[1:], generator=generator).to(x)
    return x + (added * (x > 0) if x.ndim == 4 else added)


def _draws(seed: int, samples: int) -> Iterator[torch.Generator]:
    """One generator of random numbers (on the CPU), for one copy after the other."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(samples):
        yield generator
