"""How a network is explained: in float32 and on its own, whatever it was trained in."""

import torch
from accelerate import Accelerator

from amc_xai.model.network import Classifier


def as_explained(classifier: Classifier, accelerator: Accelerator) -> Classifier:
    """The classifier, in place, as every explanation sees it; so one checkpoint gives one table.

    A training leaves traces: accelerate's forward pass, which computes in the training's precision, and perhaps
    weights laid out channels last, which round otherwise. A network read from a checkpoint has neither. On a CPU
    the latter is how every one is asked: it takes a quarter less of the time.
    """
    accelerator.unwrap_model(classifier.network, keep_fp32_wrapper=False)
    classifier.to(accelerator.device).eval()
    last = accelerator.device.type == "cpu"
    classifier.network.to(memory_format=torch.channels_last if last else torch.contiguous_format)
    return classifier
