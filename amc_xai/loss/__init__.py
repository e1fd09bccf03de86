"""Losses over both tasks: how an error is scored, and how the two task losses are weighed."""

from amc_xai.loss.dynamic import DynamicWeightAverage
from amc_xai.loss.fixed import FixedWeights
from amc_xai.loss.gradnorm import GradNorm
from amc_xai.loss.snr_terms import DistancePenalisedSnr, MeanVarianceSnr, OrdinalSnr, SnrCrossEntropy
from amc_xai.loss.softmax import SoftmaxWeights
from amc_xai.loss.terms import (
    LossHooks,
    LossTerms,
    SnrTerm,
    Target,
    TaskTerms,
    chance_loss,
    cross_entropy,
    loss_terms,
    plain_sum,
)
from amc_xai.loss.uncertainty import UncertaintyWeights

__all__ = [
    "DistancePenalisedSnr",
    "DynamicWeightAverage",
    "FixedWeights",
    "GradNorm",
    "LossHooks",
    "LossTerms",
    "MeanVarianceSnr",
    "OrdinalSnr",
    "SnrCrossEntropy",
    "SnrTerm",
    "SoftmaxWeights",
    "Target",
    "TaskTerms",
    "UncertaintyWeights",
    "chance_loss",
    "cross_entropy",
    "loss_terms",
    "plain_sum",
]
