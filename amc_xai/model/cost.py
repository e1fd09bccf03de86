"""What a network costs to run."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from amc_xai.model.network import Classifier


@torch.no_grad()
def multiply_adds(classifier: Classifier, frame_length: int) -> int:
    """Multiply-adds of the network for one frame (convolutions, matrix products, attention).

    The representation isn't counted: drawing a histogram takes no multiply-adds to speak of.
    """
    weight = next(classifier.network.parameters())
    frame = torch.zeros(1, 2, frame_length, device=weight.device)
    frame[:, 0] = 1.0
    classifier.representation.to(weight.device)
    was_training = classifier.network.training
    classifier.network.eval()
    x = classifier.representation(frame)
    with FlopCounterMode(display=False) as counter:
        classifier.network(x)
    classifier.network.train(was_training)
    # The counter takes a multiply-add for two operations.
    return counter.get_total_flops() // 2
