"""``resume=auto``: go on from what the run folder holds; one command begins a training and goes on with it.

A job that its scheduler put back into the queue, before a time limit say, is started by the same command again.
"""

import copy
import logging
import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from amc_xai.config import OF_THE_JOB
from amc_xai.errors import UserError
from amc_xai.search import repeated_trials, study_name

log = logging.getLogger(__name__)
# What may differ from one start to the next: how long to train, and what is done with the network afterwards.
MAY_CHANGE = (*OF_THE_JOB, "limits", "init", "trainer", "perturbation", "attribution")


def settle_resume(cfg: DictConfig, folder: Path) -> DictConfig:
    """A copy of ``cfg`` whose ``resume=auto`` is the path of a ``last.pt``, or null where there is nothing yet.

    A trial of a search that runs a lost one again goes on from the lost one's folder. Where training goes on,
    ``init`` has done its work.

    Raises:
        UserError: where the checkpoint was trained with other settings (in a search the trial begins afresh), and
            for a training on several processes, of which one alone knows the run folder.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise UserError(
            "resume=auto goes with one process a job; with several name the file: resume=RUN/checkpoints/last.pt"
        )
    cfg = copy.deepcopy(cfg)
    cfg.resume = None
    for place in (folder, *(folder.parent / str(number) for number in repeated_trials())):
        path = place / "checkpoints" / "last.pt"
        if (stored := readable(path)) is None:
            continue
        changed = differences(OmegaConf.to_container(cfg, resolve=True), stored["config"])
        if changed and study_name() is None:
            raise UserError(
                f"resume=auto: {path} was trained with other settings ({'; '.join(changed[:3])}); go on from it "
                "all the same with resume=PATH and another hydra.run.dir, or begin anew in another hydra.run.dir"
            )
        if changed:
            log.warning("%s was trained with other settings (%s) and isn't used", path, "; ".join(changed[:3]))
            continue
        cfg.resume, cfg.init.path = str(path), None
        return cfg
    log.info("resume=auto: there is nothing to go on from in %s; the training begins", folder)
    return cfg


def readable(path: Path) -> dict[str, Any] | None:
    """The checkpoint there, if there is one that can be read; the log says where not."""
    if not path.is_file():
        return None
    from amc_xai.training.checkpoint import load_checkpoint

    try:
        return load_checkpoint(path, "resume")
    except UserError as error:
        log.warning("%s", error)
        return None


def differences(now: dict[str, Any], then: dict[str, Any], prefix: str = "") -> list[str]:
    """In words, which keys that both have differ; a key that one of two versions lacks is passed over."""
    found = []
    for key in now:
        if key not in then or (not prefix and key in MAY_CHANGE):
            continue
        name = f"{prefix}{key}"
        if isinstance(now[key], dict) and isinstance(then[key], dict):
            found += differences(now[key], then[key], f"{name}.")
        elif now[key] != then[key] and not same_path(name, now[key], then[key]):
            found.append(f"{name} was {then[key]} and is {now[key]}")
    return found


def same_path(name: str, now: Any, then: Any) -> bool:
    """A checkpoint holds the absolute path of its data."""
    return name == "dataset.path" and bool(now) and os.path.abspath(os.path.expanduser(str(now))) == then
