"""The job's side of a study: which trial am I, how do I stand, should I go on?"""

import logging
from typing import Any

import optuna
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import OmegaConf
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial

from amc_xai.search.storage import REPEATS, close_storage, controllers_storage, open_storage

log = logging.getLogger(__name__)


class JobTrial:
    """The running trial of this job, in the study that the sweeper asked it from.

    The plugin takes a pruned trial for a failed one, so a trial that is told to stop ends as any other, with
    its value so far, and the user attribute ``pruned_epoch`` says after how many epochs.
    """

    def __init__(self, url: str, study_name: str, number: int, pruner: optuna.pruners.BasePruner | None = None):
        shared = controllers_storage(url)
        self.opened = open_storage(url) if shared is None else None
        self.study = optuna.load_study(
            study_name=study_name,
            storage=shared or self.opened,
            sampler=optuna.samplers.RandomSampler(),
            pruner=pruner or optuna.pruners.NopPruner(),
        )
        self.number = number
        self.trial = Trial(self.study, self._frozen(number)._trial_id)

    def report(self, epochs: int, value: float, last: bool = False) -> bool:
        """Report ``value`` after so many ``epochs`` (from 1) and say whether training should end early here.

        A study of several objectives isn't pruned. A trial that another controller took for lost ends too:
        its result would have nowhere to go.
        """
        if len(self.study.directions) > 1:
            return False
        try:
            self.trial.report(value, epochs)
            # Asked after the last epoch too, since pruners keep their books while they answer.
            if not self.trial.should_prune() or last:
                return False
            self.trial.set_user_attr("pruned_epoch", epochs)
        except UpdateFinishedTrialError:
            log.warning("trial %d ends here: it was taken for lost and runs again elsewhere", self.number)
            return True
        log.info("trial %d is pruned after %d epochs at %.4g", self.number, epochs, value)
        return True

    def repeated(self) -> list[int]:
        """The lost trials that this one runs again, the latest first."""
        found = []
        while (before := self._frozen(found[-1] if found else self.number).user_attrs.get(REPEATS)) is not None:
            found.append(before)
        return found

    def recall(self, values: dict[int, float]) -> None:
        """Report what an earlier start of this training reported, by epochs done (from 1), for the pruner."""
        known = self._frozen(self.number).intermediate_values
        if len(self.study.directions) > 1:
            return
        for epochs, value in values.items():
            if epochs not in known:
                self.trial.report(value, epochs)

    def close(self) -> None:
        """Close the connections that this trial has opened; a controller keeps its own."""
        if self.opened is not None:
            close_storage(self.opened)

    def _frozen(self, number: int) -> FrozenTrial:
        """One trial as the storage has it now, without reading all of the study's."""
        storage = self.study._storage
        return storage.get_trial(storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number))


def open_trial(number: int) -> JobTrial:
    """The trial of this number in the study that Hydra's sweeper configuration names."""
    sweeper = HydraConfig.get().sweeper
    chosen = OmegaConf.to_container(sweeper.pruner, resolve=True) if sweeper.pruner else None
    return JobTrial(sweeper.storage, sweeper.study_name, number, make_pruner(chosen))


def make_pruner(chosen: dict[str, Any] | None) -> optuna.pruners.BasePruner | None:
    """One pruner, from the group ``hydra/sweeper/pruner``."""
    if not chosen:
        return None
    trusted = ("optuna.pruners.*", "amc_xai.search.pruning.*")
    return instantiate(chosen, _convert_="all", _execution_whitelist_=trusted)
