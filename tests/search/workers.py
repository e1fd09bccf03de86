"""Many controllers of one study on one machine, whose trials sleep instead of training.

The controllers are forked from a process that has loaded what they need, without torch: sixty of them would else
take minutes and gigabytes to start.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import hydra
import numpy as np
import optuna
from hydra_plugins.hydra_optuna_sweeper._impl import create_params_from_overrides
from omegaconf import OmegaConf
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import TrialState

from amc_xai.__main__ import config_folder
from amc_xai.search import job_trial, sweeper
from amc_xai.search.storage import close_storage, open_storage

SEARCH = "architecture"
EPOCHS = 3  # that a trial reports: as many as its pruner waits for before it reads what the others reported


@hydra.main(config_path=config_folder(), config_name="config", execution_whitelist=("logging.*", "amc_xai.*"))
def job(cfg) -> float:
    """A trial that reports and sleeps; its accuracy is its dropout, and too high for the pruner's lower bound."""
    trial = job_trial()
    note("trial", trial.number)
    value = 0.2 + cfg.extractor.dropout
    for epoch in range(1, EPOCHS + 1):
        trial.report(epoch, value)
        time.sleep(float(os.environ["JOB_SECONDS"]) / EPOCHS)
    trial.close()
    note("end", trial.number)
    return value


def note(what: str, *facts: float) -> None:
    """A line in this process's own file: what, CPU seconds of the process so far, facts."""
    with open(f"notes_{os.getpid()}.jsonl", "a") as file:
        file.write(json.dumps([what, time.process_time(), *facts]) + "\n")


def notes(folder: Path) -> list[list[list]]:
    """What each controller noted, in its order."""
    return [
        [json.loads(line) for line in file.read_text().splitlines()]
        for file in sorted(folder.glob("notes_*.jsonl"))
    ]


def fork_controllers(folder: Path, number: int, seconds: float, *overrides: str) -> list[int]:
    """Start so many controllers in ``folder``, whose trials take ``seconds``; returns their processes.

    The first alone writes what the study found: on one machine they would all do so at once.
    """
    folder.mkdir(exist_ok=True)
    return [fork_one(folder, seconds, overrides, k == 0) for k in range(number)]


def fork_one(folder: Path, seconds: float, overrides: Sequence[str], first: bool) -> int:
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.chdir(folder)
        log = os.open(f"controller_{os.getpid()}.log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ["JOB_SECONDS"] = str(seconds)
        sys.argv = ["workers.py", "-m", f"hparams_search={SEARCH}", *overrides]
        sweeper.study_lock = timed_lock(sweeper.study_lock)
        sweeper.finish = timed(sweeper.finish) if first else lambda *arguments: None
        job()
        code = 0
    finally:
        os._exit(code)


def timed_lock(lock):
    @contextmanager
    def timed(*arguments) -> Iterator[None]:
        begin = time.monotonic()
        with lock(*arguments):
            got, cpu = time.monotonic(), time.process_time()
            yield
        note("lock", got - begin, time.process_time() - cpu)

    return timed


def timed(finish):
    def timed(*arguments) -> None:
        note("finishing")
        finish(*arguments)
        note("finished")

    return timed


def wait_for(processes: Sequence[int]) -> list[int]:
    """Exit codes, once all have ended."""
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]


def counted(url: str, folder: Path) -> dict[str, int]:
    """Trials that completed, that began but never ended, and that ran more than once."""
    storage = open_storage(url)
    trials = optuna.load_study(study_name=SEARCH, storage=storage).get_trials(deepcopy=False)
    close_storage(storage)
    begun = Counter(int(line[2]) for lines in notes(folder) for line in lines if line[0] == "trial")
    states = Counter(t.state for t in trials)
    return {
        "completed": states[TrialState.COMPLETE],
        "lost": len(trials) - states[TrialState.COMPLETE],
        "doubled": sum(times > 1 for times in begun.values()),
    }


def fill_study(url: str, number: int, seed: int = 0) -> None:
    """A study of so many finished trials, drawn at random from the search's own ranges."""
    params = OmegaConf.load(Path(config_folder()) / f"hparams_search/{SEARCH}.yaml").hydra.sweeper.params
    space = create_params_from_overrides([f"{name}={value}" for name, value in params.items()])[0]
    storage = open_storage(url)
    study = optuna.create_study(study_name=SEARCH, storage=storage, directions=["maximize"])
    rng, now = np.random.default_rng(seed), datetime.now()
    tables = {
        name: getattr(models, f"Trial{name}Model").__table__ for name in ("Param", "Value", "IntermediateValue")
    }
    rows = {name: [] for name in tables}
    told = {"value_type": models.TrialValueModel.TrialValueType.FINITE}
    told_then = {"intermediate_value_type": models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE}
    with storage.engine.begin() as connection:
        for k in range(number):
            trial = {
                "number": k, "study_id": study._study_id, "state": TrialState.COMPLETE,
                "datetime_start": now, "datetime_complete": now,
            }  # fmt: skip
            made = connection.execute(models.TrialModel.__table__.insert().values(**trial)).inserted_primary_key[0]
            for name, distribution in space.items():
                value = draw(distribution, rng)
                text = distribution_to_json(distribution)
                rows["Param"].append(
                    {"trial_id": made, "param_name": name, "param_value": value, "distribution_json": text}
                )
            value = 0.2 + float(rng.uniform(0.1, 0.5))
            rows["Value"].append({"trial_id": made, "objective": 0, "value": value, **told})
            rows["IntermediateValue"] += [
                {"trial_id": made, "step": step, "intermediate_value": value, **told_then}
                for step in range(1, EPOCHS + 1)
            ]
        for name, table in tables.items():
            if rows[name]:
                connection.execute(table.insert(), rows[name])
    close_storage(storage)


def draw(distribution: optuna.distributions.BaseDistribution, rng: np.random.Generator) -> float:
    """A value as the database has it: of choices the index."""
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return float(rng.integers(len(distribution.choices)))
    if distribution.log:
        return float(np.exp(rng.uniform(np.log(distribution.low), np.log(distribution.high))))
    return float(rng.uniform(distribution.low, distribution.high))
