"""How a network is explained: in float32 and on its own, whatever it was trained in."""

import torch
from accelerate import Accelerator

from amc_xai.model.network import Classifier


def as_explained(classifier: Classifier, accelerator: Accelerator) -> Classifier:
    """The classifier, in place, as every explanation sees it; so one checkpoint gives one table.

    A training leaves traces: accelerate's forward pass, which computes in the training's precision, and weights
    laid out channels last, which round otherwise. A network read from a checkpoint has neither.
    """
    accelerator.unwrap_model(classifier.network, keep_fp32_wrapper=False)
    classifier.to(accelerator.device).eval()
    classifier.network.to(memory_format=torch.contiguous_format)
    return classifier
