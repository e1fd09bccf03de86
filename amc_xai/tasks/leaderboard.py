"""``task=leaderboard``: a multirun folder as one table and one figure."""

import logging
from pathlib import Path

from amc_xai.errors import UserError
from amc_xai.parts import Parts
from amc_xai.report.leaderboard import write_leaderboard

log = logging.getLogger(__name__)


def run(
    parts: Parts,
    name: str = "leaderboard",
    folder: str | list[str] | None = None,
    into: str | None = None,
    needs_checkpoint: bool = False,
    needs_parts: bool = False,
) -> None:
    """Write ``leaderboard.csv``, ``.md`` and ``.png`` of the runs below ``folder`` to ``into`` (null = there).

    Raises:
        UserError: without a folder, or if it holds no tested run.
    """
    folders = [folder] if isinstance(folder, str) else list(folder or [])
    if not folders:
        raise UserError("task.folder must name the multirun folder to compare: task.folder=multirun/DATE/TIME")
    target = Path(into or folders[0])
    text = write_leaderboard(folders, target)
    log.info("%s\nleaderboard.csv, leaderboard.md and leaderboard.png are in %s", text, target)
