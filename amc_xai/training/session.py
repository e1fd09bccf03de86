"""What a training consists of while it runs, how it is saved, and how it is taken up again."""

import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from amc_xai.errors import UserError
from amc_xai.model import Classifier
from amc_xai.training.checkpoint import random_state, restore_random_state, save_checkpoint
from amc_xai.training.ema import MovingAverage
from amc_xai.training.optimizers import put_back, settings_of
from amc_xai.training.parallel import of_first_process
from amc_xai.training.recent import RecentAverages
from amc_xai.training.schedule import Schedule
from amc_xai.training.speed import channels_last, in_channels_last

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainerOptions:
    """How long and how to train; each field is a key of the ``trainer`` group."""

    epochs: int
    batch_size: int
    precision: str = "auto"
    gradient_clip: float = 1.0
    early_stopping: int | None = 20
    workers: int = 0
    ema: float | None = None
    compile: bool = False
    channels_last: bool | str = "auto"
    save_every: float | None = None
    ahead: bool = False


@dataclass
class State:
    """Where training stands: everything beside the weights that a resumed run needs.

    ``running`` are the sums over the frames of the epoch so far, of all processes together.
    """

    epoch: int = 0
    step: int = 0
    running: dict = field(default_factory=dict)
    best_loss: float = math.inf
    best_epoch: int = -1
    history: list = field(default_factory=list)


@dataclass
class Session:
    """A training with all that it changes, on its device; ``about`` and ``folder`` as ``train`` has them."""

    classifier: Classifier
    loss: nn.Module
    optimizer: Optimizer
    schedule: Schedule
    options: TrainerOptions
    accelerator: Accelerator
    folder: Path
    about: dict
    average: MovingAverage | None = None
    state: State = field(default_factory=State)
    saved: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        # As configured: what a resumed training compares its own settings with.
        self.settings = settings_of(self.optimizer)
        self.recent = RecentAverages(
            self.classifier.network, self.options.batch_size // self.accelerator.num_processes
        )

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated and makes ``best.pt``."""
        return self.classifier.network if self.average is None else self.average.network

    @property
    def ahead(self) -> bool:
        """Whether a thread draws the next batches: a GPU draws many at once instead."""
        return self.options.ahead and self.accelerator.device.type == "cpu"

    def represent(self, iq: Tensor, samples_per_symbol: Tensor | None = None) -> Tensor | tuple:
        """What the network sees of a batch: drawn in full precision, here and wherever it is asked later."""
        x = self.classifier.represent(iq, samples_per_symbol)
        return in_channels_last(x) if channels_last(self.options.channels_last, self.accelerator.device) else x

    def save_best(self) -> None:
        """``best.pt``: what evaluation needs."""
        self._save("best.pt", self.evaluated, {})

    def save_last(self) -> None:
        """``last.pt``: all that going on needs."""
        scaler = self.accelerator.scaler
        more = {
            "optimizer": self.optimizer.state_dict(),
            "optimizer_settings": {"kind": type(self.optimizer).__name__, "groups": self.settings},
            "scheduler": self.schedule.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,
            "average": self.average.state_dict() if self.average is not None else None,
            "random": random_state(),
            "state": vars(self.state),
        }
        self._save("last.pt", self.classifier.network, more)
        self.saved = time.monotonic()

    def save_is_due(self) -> bool:
        """Whether ``trainer.save_every`` minutes have passed since the last ``last.pt``, by the first's clock."""
        minutes = self.options.save_every
        due = minutes is not None and time.monotonic() - self.saved >= 60 * minutes
        return of_first_process(due, self.accelerator) if minutes is not None else False

    def _save(self, name: str, network: nn.Module, more: dict) -> None:
        if self.accelerator.is_main_process:
            content = {**self.about, "network": network.state_dict(), "loss": self.loss.state_dict()}
            content |= {"epoch": self.state.epoch, "best_loss": self.state.best_loss}
            save_checkpoint(self.folder / "checkpoints" / name, content | more)

    def take_up(self, last: dict) -> None:
        """Go on from ``last``, a loaded ``last.pt``, with the settings of now.

        Raises:
            UserError: as :func:`check_resumable`.
        """
        check_resumable(last, self.loss, self.optimizer, self.schedule)
        self.classifier.network.load_state_dict(last["network"])
        self.loss.load_state_dict(last["loss"])
        changes = put_back(self.optimizer, last["optimizer"], last["optimizer_settings"]["groups"], self.settings)
        changes += self.schedule.load_state_dict(last["scheduler"])
        for change in changes:
            log.info("resuming: from here on, %s", change)
        if self.accelerator.scaler is not None and last["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(last["scaler"])
        restore_random_state(last["random"])
        self.state = State(**last["state"])
        if self.average is not None:
            self.average.load_state_dict(last["average"] or {"steps": 0, "network": last["network"]})


def check_resumable(last: dict, loss: nn.Module, optimizer: Optimizer, schedule: Schedule) -> None:
    """Whether these parts can go on from what those of a training left in its ``last.pt``.

    Raises:
        UserError: naming the part that was swapped for one of another kind.
    """
    begun, now = last["optimizer_settings"]["kind"], type(optimizer).__name__
    if begun != now:
        raise UserError(
            f"resume: optimizer can't be swapped: the training was begun with {begun}, and {now} can't go on from "
            "its state; leave optimizer out, its keys (optimizer.lr=...) may change"
        )
    begun, now = last["scheduler"]["kind"], schedule.kind
    if begun != now:
        raise UserError(
            f"resume: scheduler can't be swapped: the training was begun with {begun}, and {now} can't go on from "
            "its state; leave scheduler out, its keys (scheduler.patience=...) may change"
        )
    stored, own = last["loss"], loss.state_dict()
    if {name: tensor.shape for name, tensor in stored.items()} != {name: t.shape for name, t in own.items()}:
        raise UserError(
            "resume: loss can't be swapped for one that learns other weights: the training's has "
            f"{', '.join(stored) or 'none'}, {type(loss).__name__} has {', '.join(own) or 'none'}; leave loss out"
        )
