"""Jobs of submitit's in SLURM's queue: each answers for itself, and one that was ended from outside is known."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

SEEN_AGAIN = 30  # seconds at most between two looks at the states of jobs, while SLURM remembers an ended one


def answers_of_each(launcher: Any, failed: Callable[[Exception], Any]):
    """Within ``with``, a job of this launcher's that leaves no answer gives ``failed(error)`` for its own alone.

    submitit raises for the first such job, and the others of the same batch would be lost with it. Nothing changes
    for launchers that aren't submitit's.
    """
    ours = type(launcher).__module__.startswith("hydra_plugins.hydra_submitit_launcher")
    return _patched(failed) if ours else nullcontext()


@contextmanager
def _patched(failed: Callable[[Exception], Any]) -> Iterator[None]:
    from submitit.core.core import Job
    from submitit.core.utils import UncompletedJobError
    from submitit.slurm.slurm import SlurmJob

    results, watcher = Job.results, SlurmJob.watcher

    def answer(job: Job) -> list:
        try:
            return results(job)
        except UncompletedJobError as error:
            if isinstance(job, SlurmJob) and ended_from_outside(error):
                # SLURM puts the job of a lost node back into its queue: the trial would run there, and anew.
                subprocess.run(["scancel", "--quiet", job.job_id], check=False)
            return [failed(error)]

    Job.results, SlurmJob.watcher = answer, _watcher()
    try:
        yield
    finally:
        Job.results, SlurmJob.watcher = results, watcher


def _watcher() -> Any:
    from submitit.slurm.slurm import SlurmInfoWatcher

    class Watcher(SlurmInfoWatcher):
        """Asks the queue first: submitit asks the accounts alone, and waits for ever where there are none."""

        def _make_command(self) -> list[str] | None:
            accounts = super()._make_command()
            if accounts is None:
                return None
            numbers = ",".join(sorted({name.split("_")[0] for name in self._registered - self._finished}))
            queue = ["squeue", "-h", "-r", "-t", "all", "-o", "%F %K %T", "-j", numbers]
            return ["sh", "-c", f"{shlex.join(queue)} 2>/dev/null || exec {shlex.join(accounts)}"]

        def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
            text = string if isinstance(string, str) else string.decode()
            return super().read_info(text) if text.startswith("JobID|") else states(text)

    return Watcher(delay_s=SEEN_AGAIN)


def states(text: str) -> dict[str, dict[str, str]]:
    """Lines of "job task state" as submitit has them: ``{"7_2": {"JobID": "7_2", "State": "RUNNING"}}``."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    named = [(number if task == "N/A" else f"{number}_{task}", state) for number, task, state in lines]
    return {name: {"JobID": name, "State": state} for name, state in named}


def ended_from_outside(error: BaseException | None) -> bool:
    """Whether a job was ended by others, its node, its time limit or ``scancel``, and not by its own error."""
    errors = sys.modules.get("submitit.core.utils")  # its launcher loads it
    return (
        errors is not None
        and isinstance(error, errors.UncompletedJobError)
        and not isinstance(error, errors.FailedJobError)
    )
