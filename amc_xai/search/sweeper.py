"""What the official Optuna sweeper lacks: a shared, resumable budget, trial folders, reasons and results.

The plugin keeps asking, launching and telling; this class calls it for one batch of trials at a time and adds
to what happens between.
"""

import functools
import logging
import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_optuna_sweeper._impl import OptunaSweeperImpl, create_params_from_overrides
from omegaconf import OmegaConf
from optuna.exceptions import StorageInternalError
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import OperationalError

from amc_xai.errors import UserError
from amc_xai.search.launch import Launcher, NothingToTell, failure, first_line
from amc_xai.search.outcome import describe, finish
from amc_xai.search.pruning import check_direction
from amc_xai.search.queued import ended_from_outside
from amc_xai.search.settings import check_settings, raise_logged
from amc_xai.search.storage import (
    FAILURE,
    close_storage,
    open_storage,
    remembered,
    repeat_lost,
    revive,
    run_again,
    spent,
    study_lock,
)

log = logging.getLogger(__name__)


class StudySweeperImpl(OptunaSweeperImpl):
    """The official sweeper on a study that any number of controllers share.

    ``n_trials`` is the whole study's: what it holds already, finished or running elsewhere, counts. A trial's
    folder is its number. ``heartbeat`` and ``grace`` (seconds) tell a lost trial from a slow one, and a lost one
    runs again, ``max_repeats`` times at most. ``wait_for_others``: stay until the trials of other controllers are
    over, to run again what they lose; without it stay ``grace`` seconds, enough to find what is lost already.
    """

    def __init__(
        self,
        make_sampler: Callable[..., Any],
        seed: int | None,
        direction: Any,
        storage: str | None,
        study_name: str | None,
        n_trials: int,
        n_jobs: int,
        max_failure_rate: float,
        custom_search_space: str | None,
        params: Any,
        heartbeat: int,
        grace: int,
        max_repeats: int,
        wait_for_others: bool,
    ) -> None:
        check_settings(study_name, n_trials, n_jobs, max_failure_rate, heartbeat, grace, max_repeats)
        sampler = make_sampler()
        super().__init__(
            sampler, direction, storage, study_name, n_trials, n_jobs, max_failure_rate, custom_search_space,
            params,
        )  # fmt: skip
        self.make_sampler, self.seed, self.budget, self.url = make_sampler, seed, n_trials, storage
        self.heartbeat, self.grace, self.wait_for_others = heartbeat, grace, wait_for_others
        self.max_repeats = max_repeats
        self.trials: list[Trial] = []
        self.claim = ExitStack()
        self.awaited: set[int] = set()
        self.idle_since: float | None = None

    def sweep(self, arguments: list[str]) -> None:
        """Run batches until the study's budget is spent, then write what it found into the sweep's folder.

        Raises:
            UserError: if the storage can't be opened, the pruner goes against the direction, or no trial of the
                study completed.
        """
        try:
            check_direction(OmegaConf.to_container(self.config.hydra.sweeper).get("pruner"), self._directions())
            self.database = open_storage(self.url, self.heartbeat, self.grace, self.max_repeats)
        except UserError as error:
            raise_logged(str(error))
        Path(self.sweep_dir).mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # Its lines are for a sweep of one batch; a trial's own line says the same here.
        plugin = logging.getLogger("hydra_plugins.hydra_optuna_sweeper._impl")
        level = plugin.level
        plugin.setLevel(logging.ERROR)
        try:
            with remembered(self.database, self.url) as self.storage:
                there = spent(self._study().get_trials(deepcopy=False))
                log.info("study %s: %d trials, %d there already", self.study_name, self.budget, there)
                while self._next_batch(arguments):
                    pass
                finish(self._study(), self.config, Path(self.sweep_dir), arguments)
        except (OperationalError, StorageInternalError) as error:
            raise_logged(f"hydra.sweeper.storage: the database is away, try again later ({first_line(error)})")
        finally:
            plugin.setLevel(level)
            close_storage(self.database)

    def _study(self) -> optuna.Study:
        return optuna.create_study(
            study_name=self.study_name, storage=self.storage, directions=self._directions(), load_if_exists=True
        )

    def _directions(self) -> list[str]:
        return [str(direction) for direction in self._get_directions()]

    def _next_batch(self, arguments: list[str]) -> bool:
        """Ask, launch and tell once, or wait a moment; False when nothing is left to run or to wait for."""
        with self.claim:
            self.claim.enter_context(study_lock(self.database, self.study_name))
            study = self._study()
            revive(study, self.database)
            trials = study.get_trials(deepcopy=False)
            left = min(self.budget, self._grid_size(arguments)) - spent(trials)
            if left > 0:
                self.idle_since = None
                self.n_trials = min(left, self.n_jobs)
                self._renew_sampler(len(trials))
                launcher = self.launcher
                self.launcher = Launcher(launcher, self)
                try:
                    with warnings.catch_warnings():
                        # The heartbeat is our own here.
                        warnings.filterwarnings("ignore", "Heartbeat of storage is supposed", UserWarning)
                        # The lock goes as soon as the trials are asked for: in _configure_trials.
                        super().sweep(arguments)
                except NothingToTell:
                    pass
                except BaseException as error:
                    completed = bool(study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]))
                    # The plugin closes each batch with the study's best trial, and there may be none yet.
                    if self.trials or completed or not isinstance(error, ValueError):
                        self._give_back(study, error)
                        raise
                finally:
                    self.launcher = launcher
                return True
        return self._wait({t.number for t in trials if t.state == TrialState.RUNNING})

    def _wait(self, elsewhere: set[int]) -> bool:
        """Wait one heartbeat for other controllers' trials; False when it's time to leave.

        The wait ends by itself: a living controller's trial comes to its end, a dead one's is lost after
        ``grace`` seconds and then runs here.
        """
        now = time.monotonic()
        if self.idle_since is None:
            self.idle_since = now
        # Whatever was dead when this controller ran out of work has been found by then.
        patient = self.wait_for_others or now - self.idle_since < self.grace + self.heartbeat
        if not elsewhere or not patient:
            return False
        if elsewhere != self.awaited:
            log.info("waiting for trial %s of other controllers", ", ".join(map(str, sorted(elsewhere))))
        self.awaited = elsewhere
        time.sleep(self.heartbeat)
        return True

    def _grid_size(self, arguments: list[str]) -> float:
        """How many trials a grid has; endless for every other sampler."""
        if not self._is_grid():
            return math.inf
        space = create_params_from_overrides([*self._parse_sweeper_params_config(), *arguments])[0]
        return math.prod(len(self._to_grid_sampler_choices(d)) for d in space.values())

    def _is_grid(self) -> bool:
        made = self.make_sampler()
        return isinstance(made, functools.partial) and made.func == optuna.samplers.GridSampler

    def _renew_sampler(self, trials: int) -> None:
        """A sampler seeded by the study's length: resumed and second controllers don't draw the same again."""
        shifted = self.seed is not None and not self._is_grid()
        self.sampler = self.make_sampler(**({"seed": self.seed + trials} if shifted else {}))

    def _configure_trials(self, trials: list[Trial], *rest: Any) -> Sequence[Sequence[str]]:
        """The plugin's overrides for each trial, with its folder and its number."""
        self.trials = trials
        overrides = super()._configure_trials(trials, *rest)
        for trial in trials:
            self.storage.record_heartbeat(trial._trial_id)
        self.claim.close()
        self.job_idx = trials[0].number
        return [
            (*given, f"hydra.sweep.subdir='{trial.number}'")
            for given, trial in zip(overrides, trials, strict=True)
        ]

    def _note(self, returns: Sequence[JobReturn]) -> Sequence[JobReturn]:
        """Log each trial's end; keep why it failed, which no one may add once the plugin has told.

        Returns what the plugin shall tell. A trial that was ended from outside runs again. A controller that was
        silent for too long, such as a laptop that slept, finds its trial failed and enqueued again. The plugin
        must not hear of either.
        """
        study, mine = self._study(), []
        states = study.get_trials(deepcopy=False)
        for trial, job in zip(self.trials, returns, strict=True):
            if states[trial.number].state.is_finished():
                log.warning("trial %d was taken for lost and runs again; its result here isn't used", trial.number)
                continue
            if ended_from_outside(job._return_value):
                log.warning("trial %d was ended from outside: %s", trial.number, first_line(job._return_value))
                study.tell(trial.number, state=TrialState.FAIL)
                repeat_lost(study, study.get_trials(deepcopy=False)[trial.number], self.max_repeats)
                continue
            reason = failure(job)
            if reason is None:
                attributes = states[trial.number].user_attrs
                log.info("trial %d: %s", trial.number, describe(job.return_value, attributes))
            else:
                trial.set_user_attr(FAILURE, reason)
                log.warning("trial %d failed: %s", trial.number, reason)
            mine.append((trial, job))
        # This is the plugin's own list, which it goes through beside the returns.
        self.trials[:] = [trial for trial, _ in mine]
        self.trials = []
        if not mine:
            raise NothingToTell
        return [job for _, job in mine]

    def _give_back(self, study: optuna.Study, error: BaseException) -> None:
        """A sweep that ends in mid-trial leaves no trial running; an interrupted one runs again."""
        interrupted = not isinstance(error, Exception)
        for trial in self.trials:
            if study.get_trials(deepcopy=False)[trial.number].state.is_finished():
                continue  # taken for lost, so it runs again already
            trial.set_user_attr(FAILURE, "interrupted" if interrupted else first_line(error))
            study.tell(trial.number, state=TrialState.FAIL)
            if interrupted:
                run_again(study, study.get_trials(deepcopy=False)[trial.number], "was interrupted")
        self.trials = []
