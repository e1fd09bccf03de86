"""``task=claims``: whether what was published of masking and joint learning holds for networks in run folders."""

import logging
from pathlib import Path

from amc_xai.errors import UserError
from amc_xai.parts import Parts
from amc_xai.report.claims import write_claims

log = logging.getLogger(__name__)


def run(
    parts: Parts,
    name: str = "claims",
    folder: str | list[str] | None = None,
    into: str | None = None,
    needs_checkpoint: bool = False,
    needs_parts: bool = False,
) -> None:
    """Write ``claims.csv``, ``.md`` and ``.png`` of the runs below ``folder`` to ``into`` (null = there).

    Raises:
        UserError: without a folder, or if no claim can be tried on the runs in it.
    """
    folders = [folder] if isinstance(folder, str) else list(folder or [])
    if not folders:
        raise UserError(
            "task.folder must name the folders of trainings and of their explanations: task.folder=[FOLDER,FOLDER]"
        )
    target = Path(into or folders[0])
    text = write_claims(folders, target, parts.seed)
    log.info("%s\nclaims.csv, claims.md and claims.png are in %s", text, target)
