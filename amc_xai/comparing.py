"""What to do with the runs of a multirun: its last line names the command that compares them."""

import logging
import shlex
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from amc_xai.search import SWEEPER

log = logging.getLogger(__name__)


class NameLeaderboard(Callback):
    """For ``hydra.callbacks``. A search ends with its best settings instead, and untested runs have no table."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        if config.hydra.sweeper._target_ == SWEEPER:
            return
        folder = Path(config.hydra.sweep.dir)
        if len(list(folder.rglob("metrics.json"))) > 1:
            named = shlex.quote(str(folder))
            log.info("compare the runs with: python -m amc_xai task=leaderboard task.folder=%s", named)
