"""Pruners for ``hydra/sweeper/pruner`` beside Optuna's own."""

from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.trial import FrozenTrial, TrialState

from amc_xai.errors import UserError

LONGEST = "hyperband_max_resource"  # user attribute of a study: the epochs that its brackets are made for


class AnyOf(BasePruner):
    """Prunes as soon as one of several pruners does."""

    def __init__(self, pruners: list[BasePruner]):
        self.pruners = pruners

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        # Each is asked, since some keep their books while they answer.
        return any([pruner.prune(study, trial) for pruner in self.pruners])


class StudyHyperband(HyperbandPruner):
    """Hyperband whose brackets are one study's, whatever the length of each training.

    Optuna derives the brackets from ``max_resource`` in every job. Where ``trainer.epochs`` differs from trial to
    trial, or when a study goes on, each job would then sort the same trials into other brackets and compare
    values of different epochs. So the first trial that gets as far as ``min_resource`` fixes the number for the
    study. Longer trainings pass further rungs, each ``reduction_factor`` times the last.
    """

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        if trial.last_step is None or trial.last_step < self._min_resource:
            return False
        if not self._pruners:
            longest = study.user_attrs.get(LONGEST)
            if longest is None:
                longest = self._max_resource if self._max_resource != "auto" else longest_so_far(study)
                if longest is None or longest <= self._min_resource:
                    return False  # `auto`, and no training has come to its end yet
                study.set_user_attr(LONGEST, longest)
            self._max_resource = longest
        return super().prune(study, trial)


def longest_so_far(study: optuna.Study) -> int | None:
    """Epochs of the longest trial that has ended, or None."""
    trials = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return max((t.last_step for t in trials if t.last_step is not None), default=None)


def hyperband(min_resource: int, max_resource: int | str, reduction_factor: int = 3) -> BasePruner:
    """Hyperband (Li et al., JMLR 2018) between two numbers of epochs; shorter trainings aren't pruned at all.

    With ``max_resource="auto"`` nothing is pruned until a first training has ended, whose epochs then count.
    """
    if max_resource != "auto" and max_resource <= min_resource:
        return NopPruner()
    return StudyHyperband(min_resource, max_resource, reduction_factor)


def check_direction(chosen: dict[str, Any] | None, directions: list[str]) -> None:
    """Raise ``UserError`` for a pruner that ends what is below a bound, in a search for the least."""
    if not chosen or directions != ["minimize"]:
        return
    if chosen.get("lower") is not None:
        raise UserError(
            f"hydra/sweeper/pruner: its lower={chosen['lower']} ends the trials that stand below, the best ones "
            "where hydra.sweeper.direction=minimize; use hydra/sweeper/pruner=hyperband"
        )
    for part in chosen.get("pruners", []):
        check_direction(part, directions)
