"""A search whose jobs only wait, without torch: ``python waiting_job.py OVERRIDES...``.

A job leaves a line in ``jobs.log`` when it begins and when it ends: trial, job and task of SLURM's, node, process.
The jobs of ``SLOW_TRIALS`` wait until somebody ends them, once.
"""

import os
import time
from pathlib import Path

import hydra

from amc_xai.__main__ import config_folder


def note(what: str, number: int) -> None:
    job = f"{os.environ.get('SLURM_ARRAY_JOB_ID', os.environ.get('SLURM_JOB_ID'))}"
    task = os.environ.get("SLURM_ARRAY_TASK_ID", "-")
    with open("jobs.log", "a") as file:
        file.write(f"{what} {number} {job} {task} {os.environ.get('SLURMD_NODENAME')} {os.getpid()}\n")


@hydra.main(config_path=config_folder(), config_name="config", execution_whitelist=("logging.*", "amc_xai.*"))
def job(cfg) -> float:
    from amc_xai.search import job_trial

    trial = job_trial()
    note("begin", trial.number)
    slow = os.environ.get("SLOW_TRIALS", "").split(",")
    once = Path(f"slow_{trial.number}")
    if str(trial.number) in slow and not once.exists():
        once.touch()
        time.sleep(1000)
    time.sleep(0.5)
    trial.report(1, cfg.optimizer.lr)
    trial.close()
    note("end", trial.number)
    return cfg.optimizer.lr


if __name__ == "__main__":
    job()
