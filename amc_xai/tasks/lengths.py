"""Frames of several lengths: which networks and jobs take them."""

import numpy as np
import torch

from amc_xai.data import FrameSource
from amc_xai.data.contracts import lengths_of
from amc_xai.errors import UserError
from amc_xai.model import Classifier


@torch.no_grad()
def check_lengths(classifier: Classifier, source: FrameSource, processes: int) -> None:
    """Refuse frames of several lengths where the network takes one, or several processes test them.

    Raises:
        UserError: in one sentence that names the key.
    """
    lengths = lengths_of(source)
    if lengths is None:
        return
    if processes > 1:
        raise UserError("dataset.frame_length: a range of lengths goes with one process; give it one value")
    network, training = classifier.network, classifier.network.training
    network.eval()
    try:
        for length in (lengths.min(), lengths.max()):
            network(torch.zeros(2, *classifier.representation.output_shape(int(length))))
    except RuntimeError as error:
        raise UserError(
            f"dataset.frame_length: this backbone takes frames of one length, not of {lengths.min()} to "
            f"{lengths.max()} samples; give it one value, or use a backbone for any length such as point_set"
        ) from error
    finally:
        network.train(training)


def of_one_length(source: FrameSource, indices: np.ndarray) -> np.ndarray:
    """Those of these frames that are as long as the longest: a gallery shows frames side by side."""
    lengths = lengths_of(source)
    return indices if lengths is None else indices[lengths[indices] == lengths[indices].max()]
