"""A training in miniature: real loaders, dropout, batch norm and learned task weights; under a second a run."""

import functools

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.data import evaluation_loader, training_loader
from amc_xai.loss import UncertaintyWeights
from amc_xai.model import (
    Classifier,
    MultiTaskNetwork,
    SharedExtractor,
    TaskSpecificExtractor,
    bottleneck,
    linear,
)
from amc_xai.training import TrainerOptions, cosine, make_accelerator, parameter_groups, train

CLASSES, SNRS, LENGTH, BATCH = ["a", "b", "c"], [0.0, 10.0], 6, 8

ADAMW = functools.partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1)


class Clusters:
    """Frames (2, 6) scattered about a centre for each class, wider at the lower SNR."""

    def __init__(self, count=90):
        rng = np.random.default_rng(0)
        self.modulation_index, self.snr_index = rng.integers(0, 3, count), rng.integers(0, 2, count)
        centres = rng.normal(size=(3, 2, LENGTH))
        spread = np.array([1.5, 0.5])[self.snr_index, None, None]
        self.iq = centres[self.modulation_index] + spread * rng.normal(size=(count, 2, LENGTH))

    def read(self, indices):
        return torch.from_numpy(self.iq[indices]).float()


class Flat(nn.Module):
    num_features = 16

    def __init__(self, dropout=0.2):
        super().__init__()
        self.layer, self.dropout = nn.Linear(2 * LENGTH, 16), nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.layer(x.flatten(1)).relu())


class Run:
    """One training in ``folder``; every call of ``go`` builds all of it anew, as a new process would."""

    def __init__(self, folder):
        self.folder = folder

    def go(
        self,
        resume=None,
        epochs=4,
        schedule=cosine,
        spoil=None,
        source=None,
        batches=None,
        loss=UncertaintyWeights,
        backbone=None,
        representation=None,
        optimizer=ADAMW,
        plain=False,
        frames=(66, 24),
        accelerator=None,
        **options,
    ):
        """``plain`` is a network without batch norm or dropout, which several processes train as one does."""
        torch.manual_seed(0 if resume is None else 999)
        heads = linear, linear if plain else functools.partial(bottleneck, width=8)
        backbone = backbone or Flat(0.0 if plain else 0.2)
        extractor = SharedExtractor if plain else TaskSpecificExtractor
        self.network = MultiTaskNetwork(backbone, extractor, *heads, len(CLASSES), len(SNRS))
        classifier = Classifier(representation or nn.Identity(), self.network, CLASSES, SNRS)
        self.loss = loss(SNRS)
        settings = {"epochs": epochs, "batch_size": BATCH, "early_stopping": None}
        settings |= {k: options.pop(k) for k in list(options) if k in TrainerOptions.__dataclass_fields__}
        settings = TrainerOptions(**settings)
        self.optimizer = optimizer(parameter_groups(self.network, self.loss))
        accelerator = accelerator or make_accelerator("cpu", "fp32")
        rank, ranks = accelerator.process_index, accelerator.num_processes
        self.source = source = source or Clusters()
        mine = {"rank": rank, "ranks": ranks}
        training = batches or training_loader(source, np.arange(frames[0]), settings.batch_size, seed=3, **mine)
        if spoil is not None:
            spoil(self, source)
        validation = evaluation_loader(source, np.arange(66, 66 + frames[1])[rank::ranks], settings.batch_size)
        about = {"config": {"seed": 3}, "modulations": CLASSES, "snrs": SNRS}
        return train(
            classifier,
            self.loss,
            self.optimizer,
            schedule(self.optimizer, epochs, len(training)),
            training,
            validation,
            settings,
            accelerator,
            self.folder,
            about,
            resume,
            **options,
        )

    def weights(self):
        """Every number that was learned, or kept along the way."""
        states = {"network": self.network.state_dict(), "loss": self.loss.state_dict()}
        return {f"{part}.{k}": v.clone() for part, state in states.items() for k, v in state.items()}


@pytest.fixture
def run(tmp_path):
    return lambda name="run": Run(tmp_path / name)
