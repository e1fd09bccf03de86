"""Where numbers go besides the run folder; the folder itself always gets its JSON lines."""

import json
import logging
import os
import shlex
import shutil
from pathlib import Path
from typing import Any, Protocol

from amc_xai.errors import UserError, guess
from amc_xai.search import study_name

log = logging.getLogger(__name__)
MODES = ("offline", "online", "disabled")


class Tracker(Protocol):
    """What the tasks tell an experiment tracker."""

    def start(self, folder: Path, config: dict[str, Any], overrides: list[str]) -> None: ...
    def log(self, row: dict[str, float]) -> None: ...
    def summary(self, values: dict[str, Any]) -> None: ...
    def figures(self, paths: list[Path]) -> None: ...
    def checkpoint(self, path: Path) -> None: ...
    def finish(self, failed: bool = False) -> None: ...


class NoTracker:
    """The run folder is enough."""

    def start(self, folder: Path, config: dict[str, Any], overrides: list[str]) -> None:
        """Nothing to open."""

    def log(self, row: dict[str, float]) -> None:
        """``history.jsonl`` has the row already."""

    def summary(self, values: dict[str, Any]) -> None:
        """``metrics.json`` has the values already."""

    def figures(self, paths: list[Path]) -> None:
        """The figures are in the run folder."""

    def checkpoint(self, path: Path) -> None:
        """So is the checkpoint."""

    def finish(self, failed: bool = False) -> None:
        """Nothing to close."""


class WandbTracker:
    """Weights & Biases, offline by default: no account and no network; ``wandb sync`` uploads later.

    The run is named and described from the overrides in force, and its files lie in the run folder. The runs of
    a search form a group, named after the study where ``group`` is null. With ``save_best`` the ``best``
    checkpoint becomes an artefact of the run.

    Raises:
        UserError: for an unknown ``mode``; from :meth:`start` where W&B can't begin a run, such as ``online``
            without an account.
    """

    def __init__(
        self,
        project: str = "amc_xai",
        entity: str | None = None,
        mode: str = "offline",
        group: str | None = None,
        save_best: bool = False,
    ):
        if mode not in MODES:
            raise UserError(f"tracker.mode must be one of {', '.join(MODES)}, not {mode!r}{guess(mode, MODES)}")
        self.project, self.entity, self.mode, self.group = project, entity, mode, group
        self.save_best = save_best
        self.run = None

    def start(self, folder: Path, config: dict[str, Any], overrides: list[str]) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        described = " ".join(overrides) or "defaults"
        try:
            self.run = wandb.init(
                project=self.project,
                entity=self.entity,
                mode=self.mode,
                group=self.group or study_name(),
                dir=str(folder),
                name=described[:120],
                notes=f"overrides in force: {described}",
                config=config,
                reinit="finish_previous",
            )
        except Exception as error:
            reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
            raise UserError(
                f"tracker: W&B can't begin a run ({reason}); look at tracker.project and tracker.entity, and use "
                "tracker.mode=offline where there is no account or network"
            ) from error

    def log(self, row: dict[str, float]) -> None:
        self.run.log(row, step=int(row["epoch"]))

    def summary(self, values: dict[str, Any]) -> None:
        self.run.summary.update(values)

    def figures(self, paths: list[Path]) -> None:
        import wandb

        self.run.log({path.stem: wandb.Image(str(path)) for path in paths})

    def checkpoint(self, path: Path) -> None:
        if not self.save_best:
            return
        import wandb

        artifact = wandb.Artifact(f"best-{self.run.id}", type="model")
        # The file in the run folder itself, which stays as it is, and no copy of it in the user's home.
        artifact.add_file(str(path.absolute()), policy="immutable")
        self.run.log_artifact(artifact, aliases=["best"])

    def finish(self, failed: bool = False) -> None:
        if self.run is None:
            return
        place, url = Path(self.run.dir).absolute().parent, self.run.url
        self.run.finish(exit_code=1 if failed else 0)
        self.run = None
        if self.mode == "online":
            log.info("W&B: the run is at %s", url)
        elif self.mode == "offline":
            log.info("W&B: the run is in %s; upload it with: wandb sync %s", place, shlex.quote(str(place)))


class TensorBoardTracker:
    """TensorBoard event files: ``tensorboard --logdir outputs`` shows every run below.

    They lie in ``tensorboard/`` of the run folder, or in ``folder/STUDY/RUN`` where a common folder is named.
    """

    def __init__(self, folder: str | None = None, save_best: bool = False):
        self.folder, self.save_best = folder, save_best
        self.writer = None

    def start(self, folder: Path, config: dict[str, Any], overrides: list[str]) -> None:
        """Open the event file. Raises ``UserError`` if TensorBoard isn't installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UserError(
                "tracker: tracker=tensorboard needs the package tensorboard; pip install 'amc-xai[tensorboard]'"
            ) from error
        where = folder / "tensorboard"
        if self.folder is not None:
            where = Path(self.folder) / (study_name() or "runs") / folder.name
        self.writer, self.epoch = SummaryWriter(str(where)), 0
        self.writer.add_text("overrides", " ".join(overrides) or "defaults")
        self.writer.add_text("config", "```\n" + json.dumps(config, indent=2, default=str) + "\n```")

    def log(self, row: dict[str, float]) -> None:
        self.epoch = int(row["epoch"])
        for name, value in row.items():
            if name != "epoch" and isinstance(value, int | float):
                self.writer.add_scalar(name, value, self.epoch)

    def summary(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, int | float):
                self.writer.add_scalar(f"test/{name}", value, self.epoch)

    def figures(self, paths: list[Path]) -> None:
        import numpy as np
        from PIL import Image

        for path in paths:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
            self.writer.add_image(path.stem, pixels, self.epoch, dataformats="HWC")

    def checkpoint(self, path: Path) -> None:
        if self.save_best:
            shutil.copyfile(path, Path(self.writer.log_dir) / path.name)

    def finish(self, failed: bool = False) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
