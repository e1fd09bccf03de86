"""The sweeper that ``hydra/sweeper: study`` names, light enough for Hydra to load before every command."""

from typing import Any

from hydra.core.plugins import Plugins
from hydra.utils import instantiate
from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import OptunaSweeper
from omegaconf import DictConfig


class StudySweeper(OptunaSweeper):
    """The official Optuna sweeper with the keys of :class:`amc_xai.search.sweeper.StudySweeperImpl`.

    ``folder`` is what ``hydra.sweep.dir`` is where nobody gives it.
    """

    def __init__(
        self,
        sampler: Any,
        direction: Any,
        storage: str | None,
        study_name: str | None,
        n_trials: int,
        n_jobs: int,
        max_failure_rate: float,
        custom_search_space: str | None,
        params: DictConfig | None,
        pruner: DictConfig | None,
        heartbeat: int,
        grace: int,
        max_repeats: int,
        wait_for_others: bool,
        folder: str,
    ) -> None:
        from amc_xai.search.sweeper import StudySweeperImpl

        def make_sampler(**changed: Any) -> Any:
            return instantiate(
                {**sampler, **changed},
                _execution_whitelist_=("hydra_plugins.hydra_optuna_sweeper.*", "optuna.samplers.*"),
            )

        # The pruner is built in the job, which reports to it; see amc_xai.search.job.
        self.sweeper = StudySweeperImpl(
            make_sampler, sampler.get("seed"), direction, storage, study_name, n_trials, n_jobs, max_failure_rate,
            custom_search_space, params, heartbeat, grace, max_repeats, wait_for_others,
        )  # fmt: skip


def register() -> None:
    """Make the sweeper known to Hydra, from a clone as from an installed package."""
    Plugins.instance().register(StudySweeper)
