"""Short trainings that explanations ask for: on shuffled labels, or on images with random holes."""

import copy
import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from amc_xai.data import FrameSource, training_loader
from amc_xai.errors import UserError
from amc_xai.explain.precision import as_explained
from amc_xai.explain.robust import RandomlyMasked
from amc_xai.explain.sanity import untrained_copy
from amc_xai.model import Classifier
from amc_xai.progress import progress
from amc_xai.tasks.workbench import Workbench
from amc_xai.training import parameter_groups, train
from amc_xai.training.parallel import Alone

log = logging.getLogger(__name__)


class ShuffledLabels:
    """A source whose labels were dealt out anew at random: same frames, same counts, nothing to learn."""

    def __init__(self, source: FrameSource, seed: int):
        self.source = source
        generator = np.random.default_rng(seed)
        self.modulation_index = generator.permutation(source.modulation_index)
        self.snr_index = generator.permutation(source.snr_index)

    def read(self, indices: np.ndarray) -> torch.Tensor:
        return self.source.read(indices)


def fit_shuffled_labels(bench: Workbench, epochs: int) -> nn.Module:
    """The network trained afresh on labels that mean nothing (Adebayo et al., NeurIPS 2018, section 4)."""
    network = untrained_copy(bench.classifier.network, bench.parts.seed + 1)
    log.info("sanity check: training a copy on shuffled labels, %d epochs", epochs)
    source = ShuffledLabels(bench.source, bench.parts.seed)
    return refit(bench, network, bench.classifier.representation, source, epochs)


def fit_random_masks(bench: Workbench, epochs: int) -> nn.Module:
    """A copy of the network, trained on with random shares of its input masked (F-Fidelity, 2024)."""
    network = copy.deepcopy(bench.classifier.network)
    log.info("robust check: training a copy on randomly masked input, %d epochs", epochs)
    representation = RandomlyMasked(bench.classifier.representation, seed=bench.parts.seed)
    return refit(bench, network, representation, bench.source, epochs)


def refit(
    bench: Workbench, network: nn.Module, representation: nn.Module, source: FrameSource, epochs: int
) -> nn.Module:
    """Train ``network`` as the run itself is configured to, for so many epochs; leaves nothing on disk.

    In this process alone: of several, the first one explains and the others don't come here.

    Raises:
        UserError: the split has no frames to train or to validate on.
    """
    if len(bench.split.train) < 2 or len(bench.split.validation) == 0:
        raise UserError(
            "attribution.shuffled_label_epochs and attribution.robust_epochs train a copy of the network, and "
            "split.ratios leaves no frames for training or validation; give both a share above 0, or set them to 0"
        )
    make = bench.parts.make
    options = replace(make["trainer"], epochs=epochs, early_stopping=None)
    classifier = Classifier(representation, network, bench.classifier.modulations, bench.classifier.snrs)
    loss = make["loss"](classifier.snrs)
    optimizer = make["optimizer"](parameter_groups(network, loss))
    training = training_loader(source, bench.split.train, options.batch_size, bench.parts.seed)
    schedule = make["scheduler"](optimizer, epochs, len(training))
    validation = bench.evaluation_batches(bench.split.validation)
    with tempfile.TemporaryDirectory() as folder:
        train(
            classifier, loss, optimizer, schedule, training, validation, options, Alone(bench.accelerator),
            Path(folder), bench.about(), None, progress,
        )  # fmt: skip
    return as_explained(classifier, bench.accelerator).network
