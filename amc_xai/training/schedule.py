"""Learning-rate schedules: torch's own, told when to step.

``batches`` is the number of batches in an epoch, on average where a curriculum makes it differ.
"""

import copy
import math
from dataclasses import dataclass

from torch.optim import Optimizer, lr_scheduler

from amc_xai.errors import UserError
from amc_xai.ranges import check_range


@dataclass
class Schedule:
    """A torch scheduler that steps after each batch, or after each epoch on the validation loss."""

    scheduler: lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau
    every_batch: bool

    def __post_init__(self) -> None:
        # Its settings, as far as the state holds them; what moves as the training goes on stands at its beginning.
        self.begun = copy.deepcopy(self.scheduler.state_dict())

    @property
    def kind(self) -> str:
        return type(self.scheduler).__name__

    def after_batch(self) -> None:
        if self.every_batch:
            self.scheduler.step()

    def after_epoch(self, validation_loss: float) -> None:
        if not self.every_batch:
            self.scheduler.step(validation_loss)

    def state_dict(self) -> dict:
        return {"kind": self.kind, "begun": self.begun, "now": self.scheduler.state_dict()}

    def load_state_dict(self, state: dict) -> list[str]:
        """Go on from where an earlier schedule of this kind stood; settings that it had begun with otherwise hold
        from here on. Tells in words what changed."""
        before = state["begun"]
        changed = {k: v for k, v in self.begun.items() if k not in before or before[k] != v}
        self.scheduler.load_state_dict({**state["now"], **copy.deepcopy(changed)})
        told = [k for k in changed if k != "base_lrs" and not k.startswith("_")]  # rates: by the optimizer
        return [f"scheduler.{k} is {changed[k]}, not {before.get(k)}" for k in told]


def constant(optimizer: Optimizer, epochs: int, batches: float) -> Schedule:
    """The learning rate stays as it is."""
    return Schedule(lr_scheduler.LambdaLR(optimizer, one), every_batch=True)


def one(step: int) -> float:
    return 1.0


def plateau(
    optimizer: Optimizer, epochs: int, batches: float, factor: float = 0.7, patience: int = 10
) -> Schedule:
    """Times ``factor`` after ``patience`` epochs without a better validation loss (the original study's).

    Better means lower by 1e-4, whatever its size: a share of a loss near zero would be nothing.
    """
    check_range("(0, 1)", scheduler__factor=factor)
    check_range("[0, inf)", scheduler__patience=patience)
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])  # as every other scheduler leaves it, for a resumed run
    settings = {"factor": factor, "patience": patience, "threshold": 1e-4, "threshold_mode": "abs"}
    return Schedule(lr_scheduler.ReduceLROnPlateau(optimizer, **settings), every_batch=False)


def cyclic(
    optimizer: Optimizer,
    epochs: int,
    batches: float,
    base_lr: float = 1e-6,
    max_lr: float = 7e-4,
    epochs_up: float = 5.0,
) -> Schedule:
    """A triangle between ``base_lr`` and ``max_lr``, ``epochs_up`` epochs up and as many down."""
    check_range("[0, inf)", scheduler__base_lr=base_lr)
    check_range("(0, inf)", scheduler__epochs_up=epochs_up)
    if not max_lr > base_lr:
        raise UserError(f"scheduler.max_lr must be above scheduler.base_lr={base_lr:g}, not {max_lr:g}")
    cycle = lr_scheduler.CyclicLR(
        optimizer,
        base_lr,
        max_lr,
        step_size_up=max(1, round(epochs_up * batches)),
        cycle_momentum=False,
    )
    return Schedule(cycle, every_batch=True)


def cosine(
    optimizer: Optimizer, epochs: int, batches: float, warmup: float = 0.05, final: float = 0.0
) -> Schedule:
    """Linear warm-up over the share ``warmup`` of all steps, then half a cosine down to ``final`` times lr."""
    check_range("[0, 1]", scheduler__warmup=warmup, scheduler__final=final)
    total = max(1, round(epochs * batches))
    rising = round(warmup * total)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        progress = min(1.0, (step - rising) / max(1, total - rising))
        return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2

    return Schedule(lr_scheduler.LambdaLR(optimizer, factor), every_batch=True)
