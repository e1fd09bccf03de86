"""The typed schema of the whole configuration, and the checks that cross its fields.

The schema states types and no values: those stand in ``conf/`` alone, and the parts' own Python defaults are the
same or absent (``tests/test_defaults.py`` compares them).

Nothing here imports torch: ``--help``, ``--cfg`` and tab completion answer at once.
"""

import logging
import re
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from amc_xai.errors import UserError, command_again, guess

log = logging.getLogger(__name__)
AUTO = "auto"  # resume=auto: from what the run folder holds already
# Keys that describe this job rather than the trained network: a checkpoint never brings its own.
OF_THE_JOB = ("task", "device", "checkpoint", "resume", "tracker")
# Keys that describe what a trained network takes in and how it is built: a training that starts from one has them
# from its checkpoint.
OF_THE_NETWORK = ("representation", "backbone", "extractor", "head")
# Tasks with results for an experiment tracker.
TRACKED = ("train", "evaluate", "explain")


@dataclass
class TrainerConfig:
    """The ``trainer`` group: how long and how to train."""

    _target_: str = "amc_xai.training.TrainerOptions"
    epochs: int = MISSING
    batch_size: int = MISSING
    precision: str = MISSING
    gradient_clip: float = MISSING
    early_stopping: int | None = MISSING
    workers: int = MISSING
    ema: float | None = MISSING
    compile: bool = MISSING
    channels_last: bool | str = MISSING
    save_every: float | None = MISSING
    ahead: bool = MISSING


@dataclass
class InitConfig:
    """From which trained network a training starts, and which part of it stays as it is.

    On the command line ``init=PATH`` is short for ``init.path=PATH``: see :func:`spelled_out`.
    """

    path: str | None = MISSING
    freeze: str | None = MISSING


@dataclass
class Config:
    """The top level. Groups are open, so that a user's own part may take keys of its own."""

    seed: int = MISSING
    device: str = MISSING
    checkpoint: str | None = MISSING
    resume: str | None = MISSING
    init: InitConfig = field(default_factory=InitConfig)
    limits: str = MISSING
    task: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    augmentation: dict[str, Any] = field(default_factory=dict)
    representation: dict[str, Any] = field(default_factory=dict)
    backbone: dict[str, Any] = field(default_factory=dict)
    extractor: dict[str, Any] = field(default_factory=dict)
    head: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    curriculum: dict[str, Any] = field(default_factory=dict)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    perturbation: dict[str, Any] = field(default_factory=dict)
    attribution: dict[str, Any] = field(default_factory=dict)
    tracker: dict[str, Any] = field(default_factory=dict)


def register() -> None:
    """Make the schema known to Hydra as ``schema``, the first entry of ``config.yaml``'s defaults."""
    ConfigStore.instance().store(name="schema", node=Config, replace=True)


def spelled_out(arguments: list[str]) -> list[str]:
    """Command-line arguments with ``init=PATH`` as ``init.path=PATH``.

    Hydra takes ``init=`` for the whole mapping, which would leave no place for ``init.freeze`` beside it.
    """
    return [re.sub(r"^(\+{0,2})init=(?!\{)", r"\1init.path=", argument) for argument in arguments]


def check(cfg: DictConfig) -> None:
    """Check what can be checked before any work starts.

    Raises:
        UserError: with one sentence that names the key and what is allowed.
    """
    if not 0 <= cfg.seed < 2**32:
        raise UserError(f"seed must lie in 0..{2**32 - 1}, not {cfg.seed}")
    for key in cfg.trainer:
        if OmegaConf.is_missing(cfg.trainer, key):
            raise UserError(
                f"trainer.{key} has no value; begin a trainer file of your own with `defaults: [default]`, which "
                "gives it one"
            )
    task = cfg.task.get("name")
    if cfg.task.get("needs_checkpoint", False) and cfg.checkpoint is None:
        raise UserError(
            f"checkpoint: task={task} needs a trained network; "
            "name one with checkpoint=RUN_FOLDER/checkpoints/best.pt"
        )
    if cfg.resume is not None and task != "train":
        path = "PATH" if cfg.resume == AUTO else cfg.resume
        raise UserError(f"resume goes with task=train; for task={task} use checkpoint={path}")
    if cfg.checkpoint is not None and cfg.resume is not None:
        raise UserError("checkpoint and resume can't both be set: resume alone goes on with a training")
    if cfg.checkpoint is not None and task == "train":
        raise UserError(
            "checkpoint: task=train starts afresh; use resume=... to go on with a training, "
            "or task=evaluate to test a checkpoint"
        )
    check_init(cfg.init, task, None if cfg.resume == AUTO else cfg.resume)
    check_tracker(cfg.tracker, task)
    if cfg.limits not in ("auto", "none"):
        raise UserError(f"limits must be auto or none, not {cfg.limits!r}{guess(cfg.limits, ('auto', 'none'))}")
    for key in ("epochs", "batch_size"):
        if cfg.trainer[key] < 1:
            raise UserError(f"trainer.{key} must be 1 or more, not {cfg.trainer[key]}")
    if cfg.trainer.workers < 0:
        raise UserError(f"trainer.workers must be 0 (no process beside) or more, not {cfg.trainer.workers}")
    if cfg.trainer.early_stopping is not None and cfg.trainer.early_stopping < 1:
        raise UserError(
            f"trainer.early_stopping must be null (never), or 1 epoch or more, not {cfg.trainer.early_stopping}"
        )
    if cfg.trainer.gradient_clip < 0:
        raise UserError(f"trainer.gradient_clip must be 0 (off) or more, not {cfg.trainer.gradient_clip}")
    if cfg.trainer.ema is not None and not 0 < cfg.trainer.ema < 1:
        raise UserError(f"trainer.ema must be null (off) or lie between 0 and 1, not {cfg.trainer.ema}")
    if cfg.trainer.save_every is not None and not cfg.trainer.save_every > 0:
        raise UserError(
            "trainer.save_every must be null (after each epoch alone) or a number of minutes above 0, not "
            f"{cfg.trainer.save_every}"
        )
    check_perturbation(cfg.perturbation)


def check_init(init: DictConfig, task: str, resume: str | None) -> None:
    """A trained network to start from goes with a new training alone."""
    if init.path is None and init.freeze is None:
        return
    if task != "train":
        raise UserError(f"init goes with task=train; for task={task} use checkpoint={init.path or 'PATH'}")
    if resume is not None:
        raise UserError(
            "init and resume can't both be set: resume goes on with a training as it was begun, init begins a "
            "new one from trained weights"
        )
    if init.freeze not in (None, "backbone"):
        raise UserError(f"init.freeze must be null (train everything) or backbone, not {init.freeze!r}")
    if init.path is None:
        raise UserError(
            f"init.freeze={init.freeze} keeps trained weights as they are, and none are named; "
            "add init=RUN_FOLDER/checkpoints/best.pt"
        )


def check_tracker(tracker: DictConfig, task: str) -> None:
    """A task without results for a tracker says so: whoever asked for one would wait for them."""
    name = str(tracker.get("_target_", "")).rpartition(".")[2]
    if task not in TRACKED and name != "NoTracker":
        log.warning(
            "tracker: task=%s leaves its results in the run folder alone, and %s gets none of them; it tracks %s",
            task, name, ", ".join(TRACKED),
        )  # fmt: skip


def check_perturbation(perturbation: DictConfig) -> None:
    """Known selectors, and fractions within (0, 1]."""
    available = list(perturbation.available)
    unknown = [name for name in perturbation.selectors if name not in available]
    if unknown:
        raise UserError(
            f"perturbation.selectors: there is no selector {unknown[0]!r}{guess(unknown[0], available)}; "
            f"choose from {', '.join(available)}"
        )
    for name in ("selectors", "fractions"):
        if not perturbation[name]:
            raise UserError(f"perturbation.{name} must hold at least one entry")
    for fraction in perturbation.fractions:
        if not (isinstance(fraction, int | float) and 0 < fraction <= 1):
            raise UserError(f"perturbation.fractions: {fraction} lies outside (0, 1]; 0.01 masks 1 %")


def refuse_lone_search(choices: DictConfig, multirun: bool) -> None:
    """A search without ``-m`` would run a single job and look as if it had searched."""
    search = choices.get("hparams_search")
    if search not in (None, "null") and not multirun:
        raise UserError(f"hparams_search={search} needs a multirun; the command is: {command_again('-m')}")
