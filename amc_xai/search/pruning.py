"""Pruners for ``hydra/sweeper/pruner`` beside Optuna's own."""

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.trial import FrozenTrial


class AnyOf(BasePruner):
    """Prunes as soon as one of several pruners does."""

    def __init__(self, pruners: list[BasePruner]):
        self.pruners = pruners

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        # Each is asked, since some keep their books while they answer.
        return any([pruner.prune(study, trial) for pruner in self.pruners])


def hyperband(min_resource: int, max_resource: int, reduction_factor: int = 3) -> BasePruner:
    """Hyperband (Li et al., JMLR 2018) between two numbers of epochs; shorter trainings aren't pruned at all."""
    if max_resource <= min_resource:
        return NopPruner()
    return HyperbandPruner(min_resource, max_resource, reduction_factor)
