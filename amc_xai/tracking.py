"""Where numbers go besides the run folder; the folder itself always gets its JSON lines."""

import os
from pathlib import Path
from typing import Any, Protocol


class Tracker(Protocol):
    """What the tasks tell an experiment tracker."""

    def start(self, folder: Path, config: dict[str, Any], overrides: list[str]) -> None: ...
    def log(self, row: dict[str, float]) -> None: ...
    def summary(self, values: dict[str, Any]) -> None: ...
    def figures(self, paths: list[Path]) -> None: ...
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

    def finish(self, failed: bool = False) -> None:
        """Nothing to close."""


class WandbTracker:
    """Weights & Biases, offline by default: no account and no network; ``wandb sync`` uploads later.

    The run is named and described from the overrides in force, and its files lie in the run folder.
    """

    def __init__(
        self,
        project: str = "amc_xai",
        entity: str | None = None,
        mode: str = "offline",
        group: str | None = None,
    ):
        self.project, self.entity, self.mode, self.group = project, entity, mode, group
        self.run = None

    def start(self, folder: Path, config: dict[str, Any], overrides: list[str]) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        described = " ".join(overrides) or "defaults"
        self.run = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            group=self.group,
            dir=str(folder),
            name=described[:120],
            notes=f"overrides in force: {described}",
            config=config,
            reinit="finish_previous",
        )

    def log(self, row: dict[str, float]) -> None:
        self.run.log(row, step=int(row["epoch"]))

    def summary(self, values: dict[str, Any]) -> None:
        self.run.summary.update(values)

    def figures(self, paths: list[Path]) -> None:
        import wandb

        self.run.log({path.stem: wandb.Image(str(path)) for path in paths})

    def finish(self, failed: bool = False) -> None:
        if self.run is not None:
            self.run.finish(exit_code=1 if failed else 0)
            self.run = None
