"""Backbones, the task-specific extractor, heads, and the classifier that joins them."""

from amc_xai.model.cgdnet import CgdNet
from amc_xai.model.cumulants import Cumulants
from amc_xai.model.fusion import Fusion
from amc_xai.model.harper import Harper
from amc_xai.model.heads import SharedExtractor, TaskSpecificExtractor, bottleneck, dual_layer, linear
from amc_xai.model.mcldnn import Mcldnn
from amc_xai.model.moe_amc import MoeAmc
from amc_xai.model.network import BackboneHooks, Classifier, MultiTaskNetwork, Prediction
from amc_xai.model.oshea_resnet import OsheaResnet
from amc_xai.model.patch_resnet import PatchResNet
from amc_xai.model.pet_cgdnn import PetCgdnn
from amc_xai.model.point_set import PointSet
from amc_xai.model.timm_backbone import TimmBackbone

__all__ = [
    "BackboneHooks",
    "CgdNet",
    "Classifier",
    "Cumulants",
    "Fusion",
    "Harper",
    "Mcldnn",
    "MoeAmc",
    "MultiTaskNetwork",
    "OsheaResnet",
    "PatchResNet",
    "PetCgdnn",
    "PointSet",
    "Prediction",
    "SharedExtractor",
    "TaskSpecificExtractor",
    "TimmBackbone",
    "bottleneck",
    "dual_layer",
    "linear",
]
