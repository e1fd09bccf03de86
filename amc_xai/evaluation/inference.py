"""From frames to the predictions table; the only part of this room that needs torch."""

from collections.abc import Iterable

import numpy as np
import torch
from accelerate import Accelerator

from amc_xai.evaluation.gates import GateShares
from amc_xai.evaluation.predictions import Predictions
from amc_xai.model.network import Prediction


def probabilities(prediction: Prediction) -> Prediction:
    """Of each class of both tasks, (B, M) and (B, S): the softmax of the logits in float32."""
    return Prediction(*(logits.float().softmax(-1) for logits in prediction))


@torch.no_grad()
def predict(classifier: torch.nn.Module, batches: Iterable, accelerator: Accelerator) -> Predictions:
    """Run ``classifier`` over prepared ``batches`` and gather every frame exactly once."""
    classifier.eval()
    rows = []
    for batch in batches:
        with accelerator.autocast():
            answers = probabilities(classifier(batch.iq, batch.samples_per_symbol))
        gathered = accelerator.gather_for_metrics((batch.modulation, batch.snr, *answers))
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


@torch.no_grad()
def gate_shares(classifier: torch.nn.Module, batches: Iterable, accelerator: Accelerator) -> GateShares:
    """How much each expert of a mixture counts at each SNR, over prepared ``batches``.

    The backbone's ``gate_shares(x)`` gives a share (B, E) for each of its ``expert_names``.
    """
    classifier.eval()
    backbone, rows = classifier.network.backbone, []
    for batch in batches:
        shares = backbone.gate_shares(classifier.represent(batch.iq, batch.samples_per_symbol)).float()
        rows.append([tensor.cpu().numpy() for tensor in accelerator.gather_for_metrics((batch.snr, shares))])
    snr, shares = (np.concatenate(column) for column in zip(*rows, strict=True))
    return GateShares.of(snr, shares, np.asarray(classifier.snrs), list(backbone.expert_names))
