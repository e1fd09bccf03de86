"""The training loop and what it stands on: device, optimizers, schedules, checkpoints."""

from amc_xai.training.checkpoint import load_checkpoint, save_checkpoint
from amc_xai.training.device import make_accelerator
from amc_xai.training.loop import State, TrainerOptions, train
from amc_xai.training.optimizers import parameter_groups, timm_optimizer
from amc_xai.training.schedule import Schedule, constant, cosine, cyclic, plateau

__all__ = [
    "Schedule",
    "State",
    "TrainerOptions",
    "constant",
    "cosine",
    "cyclic",
    "load_checkpoint",
    "make_accelerator",
    "parameter_groups",
    "plateau",
    "save_checkpoint",
    "timm_optimizer",
    "train",
]
