"""From shared features to the two answers: the task-specific extractor and the heads."""

import torch
from torch import nn

from amc_xai.ranges import check_range


class AttentionBranch(nn.Module):
    """One task's view of the shared features (the original study's extractor).

    Gate: Linear(F, F/8), ``gate_activation``, Linear(F/8, F), Sigmoid, multiplied onto the shared features.
    Branch: Linear(F, T), ``activation``, BatchNorm, Dropout. Residual: Linear(F, T), or the identity where
    F = T. Output: 0.7 branch + 0.3 residual.
    """

    def __init__(
        self,
        features: int,
        task_features: int,
        gate_activation: nn.Module,
        activation: nn.Module,
        dropout: float,
    ):
        super().__init__()
        hidden = max(1, features // 8)
        self.gate = nn.Sequential(
            nn.Linear(features, hidden), gate_activation, nn.Linear(hidden, features), nn.Sigmoid()
        )
        self.branch = nn.Sequential(
            nn.Linear(features, task_features), activation, nn.BatchNorm1d(task_features), nn.Dropout(dropout)
        )
        self.residual = nn.Identity() if features == task_features else nn.Linear(features, task_features)

    def forward(self, shared: torch.Tensor) -> torch.Tensor:
        gated = shared * self.gate(shared)
        return 0.7 * self.branch(gated) + 0.3 * self.residual(shared)


class TaskSpecificExtractor(nn.Module):
    """Shared features (B, F) -> (modulation, SNR) features (B, T) each, T = F * ``ratio``."""

    def __init__(self, features: int, ratio: float = 0.25, dropout: float = 0.3):
        super().__init__()
        check_range("(0, inf)", extractor__ratio=ratio)
        check_range("[0, 1)", extractor__dropout=dropout)
        self.num_features = max(1, round(features * ratio))
        self.modulation = AttentionBranch(features, self.num_features, nn.ReLU(), nn.GELU(), dropout)
        self.snr = AttentionBranch(features, self.num_features, nn.Tanh(), nn.ReLU(), dropout)

    def forward(self, shared: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.modulation(shared), self.snr(shared)


class SharedExtractor(nn.Module):
    """No task-specific layers: both heads read the same features, shared (B, F) -> (B, T) twice.

    T = F * ``ratio``: 1 leaves the features as they are; below it one linear layer narrows them for both tasks,
    to the width that a task-specific extractor of that ratio gives each. ``dropout`` acts before the heads.
    """

    def __init__(self, features: int, ratio: float = 1.0, dropout: float = 0.0):
        super().__init__()
        check_range("(0, inf)", extractor__ratio=ratio)
        check_range("[0, 1)", extractor__dropout=dropout)
        self.num_features = max(1, round(features * ratio))
        self.narrow = nn.Identity() if ratio == 1 else nn.Linear(features, self.num_features)
        self.dropout = nn.Dropout(dropout)

    def forward(self, shared: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.dropout(self.narrow(shared))
        return features, features


def linear(features: int, classes: int) -> nn.Module:
    """The ``standard`` head: one linear layer."""
    return nn.Linear(features, classes)


def bottleneck(features: int, classes: int, width: int = 64, dropout: float = 0.3) -> nn.Module:
    """Linear to ``width``, ReLU, Dropout, Linear: the study's best SNR head has ``width`` 128."""
    check_range("[1, inf)", head__width=width)
    check_range("[0, 1)", head__dropout=dropout)
    return nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes))


def dual_layer(
    features: int, classes: int, widths: tuple[int, int] = (256, 64), dropout: float = 0.3
) -> nn.Module:
    """Two hidden layers with ReLU and Dropout before the last one."""
    first, second = widths
    check_range("[1, inf)", head__widths=min(widths))
    check_range("[0, 1)", head__dropout=dropout)
    return nn.Sequential(
        nn.Linear(features, first),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(second, classes),
    )
