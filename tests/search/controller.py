"""A controller whose jobs only wait: ``python controller.py SECONDS OVERRIDES...``.

It leaves a line in ``jobs.log`` for each job that it starts, and runs without torch. The job of the trial
``KILLED_TRIAL`` kills its process.
"""

import os
import signal
import sys
import time

import hydra
from hydra.core.hydra_config import HydraConfig

from amc_xai.__main__ import config_folder
from amc_xai.search import job_trial


@hydra.main(config_path=config_folder(), config_name="config", execution_whitelist=("logging.*", "amc_xai.*"))
def job(cfg) -> float:
    trial = job_trial()
    with open("jobs.log", "a") as file:
        file.write(f"{trial.number} {os.getpid()} {cfg.optimizer.lr} {HydraConfig.get().sweep.subdir}\n")
    trial.report(1, cfg.optimizer.lr)
    trial.close()
    if os.environ.get("KILLED_TRIAL") == str(trial.number):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(os.environ["JOB_SECONDS"]))
    return cfg.optimizer.lr


if __name__ == "__main__":
    os.environ["JOB_SECONDS"] = sys.argv.pop(1)
    job()
