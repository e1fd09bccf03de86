"""One batch of trials through Hydra's launcher, and why some of them fail."""

import math
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from amc_xai.errors import UserError
from amc_xai.search.queued import answers_of_each
from amc_xai.search.storage import Heartbeat


class Launcher:
    """Hydra's launcher between a heartbeat and a look at what came back.

    ``sweeper`` has the running ``trials``, their ``storage``, the seconds of its ``heartbeat``, and a method
    ``_note`` for what came back.
    """

    def __init__(self, launcher: Any, sweeper: Any):
        self.launcher, self.sweeper = launcher, sweeper

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        sweeper = self.sweeper
        ids = [trial._trial_id for trial in sweeper.trials]
        with Heartbeat(sweeper.storage, ids, sweeper.heartbeat):
            try:
                with answers_of_each(self.launcher, failed):
                    returns = self.launcher.launch(job_overrides, initial_job_idx=initial_job_idx)
            except Exception as error:
                if not worker_died(error):
                    raise
                # The launcher doesn't say whose process it was.
                returns = [failed(error) for _ in job_overrides]
        return sweeper._note(returns)


class NothingToTell(Exception):
    """Every trial of a batch was taken for lost while it ran."""


def worker_died(error: Exception) -> bool:
    """Whether a process of joblib's or Ray's, or a job of submitit's, came to an end without an answer.

    So ends what is killed for its memory or its time. A launcher that can't start a job at all is another matter.
    """
    # Their launchers load them.
    submitit, ray = (sys.modules.get(name) for name in ("submitit.core.utils", "ray.exceptions"))
    kinds = [BrokenExecutor]
    if submitit is not None:
        kinds.append(submitit.UncompletedJobError)
    if ray is not None:
        kinds += [ray.WorkerCrashedError, ray.NodeDiedError, ray.ObjectLostError, ray.OutOfMemoryError]
    return isinstance(error, tuple(kinds))


def failed(error: Exception) -> JobReturn:
    job = JobReturn()
    job.status, job.return_value = JobStatus.FAILED, error
    return job


def failure(job: JobReturn) -> str | None:
    """Why a job's trial fails: its error, or an objective that isn't finite."""
    if job.status != JobStatus.COMPLETED:
        error = job._return_value
        # The frames of the traceback hold the network and its data; the next job needs the memory.
        traceback.clear_frames(error.__traceback__)
        return first_line(error)
    values = job.return_value if isinstance(job.return_value, list | tuple) else [job.return_value]
    if any(not isinstance(value, int | float) or math.isnan(value) for value in values):
        return f"the objective is {job.return_value}, not a number"
    return None


def first_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [""])[0][:400]
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"
