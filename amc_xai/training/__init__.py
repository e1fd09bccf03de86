"""The training loop and what it stands on: device, optimizers, schedules, checkpoints."""

from amc_xai.training.checkpoint import load_checkpoint, save_checkpoint
from amc_xai.training.curriculum import SnrCurriculum, SnrFocus, mean_batches, no_curriculum
from amc_xai.training.device import make_accelerator
from amc_xai.training.loop import train
from amc_xai.training.optimizers import parameter_groups, timm_optimizer
from amc_xai.training.schedule import Schedule, constant, cosine, cyclic, plateau
from amc_xai.training.session import State, TrainerOptions, check_resumable

__all__ = [
    "Schedule",
    "SnrCurriculum",
    "SnrFocus",
    "State",
    "TrainerOptions",
    "check_resumable",
    "constant",
    "cosine",
    "cyclic",
    "load_checkpoint",
    "make_accelerator",
    "mean_batches",
    "no_curriculum",
    "parameter_groups",
    "plateau",
    "save_checkpoint",
    "timm_optimizer",
    "train",
]
