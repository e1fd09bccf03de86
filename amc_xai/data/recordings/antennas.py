"""Which of several channels of a file is wanted."""

from pathlib import Path

from amc_xai.errors import UserError


def channel_of(path: Path, channels: int, antenna: int | None) -> int:
    """The channel of a file to read; ``antenna`` None = the only one.

    Raises:
        UserError: if there are several and none was chosen, or the chosen one isn't there.
    """
    if antenna is None and channels > 1:
        raise UserError(
            f"dataset.antenna must choose one of the {channels} channels of {path}, which frames are cut from "
            f"(dataset.antenna=0 to {channels - 1})"
        )
    if (antenna or 0) >= channels:
        raise UserError(f"dataset.antenna={antenna}: {path} has {channels} channel(s), counted from 0")
    return antenna or 0
