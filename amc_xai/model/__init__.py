"""Backbones, the task-specific extractor, heads, and the classifier that joins them."""

from amc_xai.model.heads import SharedExtractor, TaskSpecificExtractor, bottleneck, dual_layer, linear
from amc_xai.model.network import Classifier, MultiTaskNetwork, Prediction
from amc_xai.model.timm_backbone import TimmBackbone

__all__ = [
    "Classifier",
    "MultiTaskNetwork",
    "Prediction",
    "SharedExtractor",
    "TaskSpecificExtractor",
    "TimmBackbone",
    "bottleneck",
    "dual_layer",
    "linear",
]
