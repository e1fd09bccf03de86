"""From frames to the predictions table; the only part of this room that needs torch."""

from collections.abc import Iterable

import numpy as np
import torch
from accelerate import Accelerator

from amc_xai.evaluation.predictions import Predictions


@torch.no_grad()
def predict(classifier: torch.nn.Module, batches: Iterable, accelerator: Accelerator) -> Predictions:
    """Run ``classifier`` over prepared ``batches`` and gather every frame exactly once.

    Probabilities are the softmax of the logits in float32.
    """
    classifier.eval()
    rows = []
    for batch in batches:
        with accelerator.autocast():
            prediction = classifier(batch.iq)
        probabilities = [logits.float().softmax(-1) for logits in prediction]
        gathered = accelerator.gather_for_metrics((batch.modulation, batch.snr, *probabilities))
        rows.append([tensor.cpu().numpy() for tensor in gathered])
    modulation, snr, modulation_probability, snr_probability = (
        np.concatenate(column) for column in zip(*rows, strict=True)
    )
    return Predictions(
        modulation_label=modulation,
        snr_label=snr,
        modulation_probability=modulation_probability,
        snr_probability=snr_probability,
        modulations=np.asarray(classifier.modulations),
        snrs=np.asarray(classifier.snrs),
    )
