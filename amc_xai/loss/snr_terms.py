"""How an SNR answer is scored: as one of S classes, or as a place on a scale."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from amc_xai.loss.terms import check_smoothing, cross_entropy, labelled_mean
from amc_xai.ranges import check_range


class SnrCrossEntropy(nn.Module):
    """The SNR term as plain cross-entropy over the grid."""

    def __init__(self, snrs: Sequence[float], label_smoothing: float = 0.0):
        super().__init__()
        check_smoothing("loss.snr_term.label_smoothing", label_smoothing)
        self.label_smoothing = label_smoothing

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, target, self.label_smoothing)


class DistancePenalisedSnr(nn.Module):
    """``alpha * CE + beta * sum_j p_j |snr_j - snr| / step``: far misses cost more than near ones.

    ``step`` is the smallest distance of the grid; on a grid of one value the penalty is zero.
    """

    def __init__(self, snrs: Sequence[float], alpha: float = 1.0, beta: float = 0.5, label_smoothing: float = 0.0):
        super().__init__()
        check_smoothing("loss.snr_term.label_smoothing", label_smoothing)
        check_range("[0, inf)", loss__snr_term__alpha=alpha, loss__snr_term__beta=beta)
        self.alpha, self.beta, self.label_smoothing = alpha, beta, label_smoothing
        place = in_steps(snrs)
        distance = (place[:, None] - place[None, :]).abs()
        self.register_buffer("distance", distance.float(), persistent=False)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        expected = (functional.softmax(logits.float(), -1) * self.distance[target.clamp(min=0)]).sum(-1)
        plain = cross_entropy(logits, target, self.label_smoothing)
        return self.alpha * plain + self.beta * labelled_mean(expected, target)


class OrdinalSnr(nn.Module):
    """Is the SNR above threshold k, asked for each of the S - 1 thresholds between the SNRs of the grid.

    ``-sum_k [ y > k ] log P(snr > k) + [ y <= k ] log P(snr <= k)``, with the cumulative probabilities of the
    softmax over the S logits: the loss of Cao, Mirjalili and Raschka (Pattern Recognition Letters 140, 2020,
    equation 5, all task weights 1) without their shared-weight layer, so that the head and every metric stay as
    they are. A near miss gets few thresholds wrong, a far one many. On a grid of two it is the cross-entropy.
    """

    def __init__(self, snrs: Sequence[float]):
        super().__init__()
        order = torch.argsort(torch.tensor([float(s) for s in snrs], dtype=torch.float64))
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("rank", torch.argsort(order), persistent=False)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        log_p = functional.log_softmax(logits.float(), -1)[:, self.order]
        at_most = log_p.logcumsumexp(-1)[:, :-1]
        above = log_p.flip(-1).logcumsumexp(-1).flip(-1)[:, 1:]
        threshold = torch.arange(at_most.shape[1], device=logits.device)
        is_above = self.rank[target.clamp(min=0)][:, None] > threshold
        return labelled_mean(-torch.where(is_above, above, at_most).sum(-1), target)


class MeanVarianceSnr(nn.Module):
    """Regression on the expected SNR: alpha * CE + mean * (m - y)^2 / 2 + variance * v.

    m and v are mean and variance of the softmax over the grid, y the true place, all in steps of the grid (Pan
    et al., "Mean-Variance Loss for Deep Age Estimation", CVPR 2018, equations 3 to 7, whose weights are the
    defaults). The variance term keeps the distribution narrow, so that its peak is where its mean is.
    """

    def __init__(
        self,
        snrs: Sequence[float],
        alpha: float = 1.0,
        mean: float = 0.2,
        variance: float = 0.05,
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        check_smoothing("loss.snr_term.label_smoothing", label_smoothing)
        weights = {"alpha": alpha, "mean": mean, "variance": variance}
        check_range("[0, inf)", **{f"loss__snr_term__{name}": value for name, value in weights.items()})
        self.alpha, self.mean, self.variance, self.label_smoothing = alpha, mean, variance, label_smoothing
        self.register_buffer("place", in_steps(snrs).float(), persistent=False)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        p = functional.softmax(logits.float(), -1)
        m = (p * self.place).sum(-1)
        v = (p * (self.place - m[:, None]) ** 2).sum(-1)
        error = (m - self.place[target.clamp(min=0)]) ** 2 / 2
        regression = labelled_mean(self.mean * error + self.variance * v, target)
        return self.alpha * cross_entropy(logits, target, self.label_smoothing) + regression


def in_steps(snrs: Sequence[float]) -> torch.Tensor:
    """The SNRs (S,) float64 in units of the smallest distance of the grid, from the lowest on."""
    grid = torch.tensor([float(s) for s in snrs], dtype=torch.float64)
    distance = (grid[:, None] - grid[None, :]).abs()
    step = distance[distance > 0].min() if len(grid) > 1 else torch.tensor(1.0, dtype=torch.float64)
    return (grid - grid.min()) / step
