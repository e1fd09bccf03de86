"""Optuna studies over Hydra's sweeper plugin: shared between machines, resumable, pruned and written up.

Importing this costs next to nothing, so that a job outside a search doesn't pay for Optuna.
"""

from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

if TYPE_CHECKING:
    from amc_xai.search.job import JobTrial

SWEEPER = "amc_xai.search.plugin.StudySweeper"


def job_trial() -> "JobTrial | None":
    """The trial that this job is, or None outside a search.

    The sweeper hands each job its trial's number as the name of its folder, ``hydra.sweep.subdir``.
    """
    if study_name() is None:
        return None
    from amc_xai.search.job import open_trial

    return open_trial(int(HydraConfig.get().sweep.subdir))


def repeated_trials() -> list[int]:
    """The lost trials that this job's trial runs again, the latest first; none outside a search."""
    if study_name() is None:
        return []
    trial = job_trial()
    try:
        return trial.repeated()
    finally:
        trial.close()


def study_name() -> str | None:
    """The study that this job is a trial of, or None outside a search."""
    if not HydraConfig.initialized():
        return None
    hydra = HydraConfig.get()
    searching = hydra.mode == RunMode.MULTIRUN and hydra.sweeper._target_ == SWEEPER
    return hydra.sweeper.study_name if searching else None
