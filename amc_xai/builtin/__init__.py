"""The network that comes with the package: ``checkpoint=builtin``, or ``amc_xai.load()``."""

from pathlib import Path

from amc_xai.errors import UserError

NAME = "builtin"
FILE = Path(__file__).with_name("network.pt")
MOST_BYTES = 5_000_000


def resolved(path: str | Path, key: str) -> Path:
    """The file that a checkpoint's name means.

    Raises:
        UserError: naming ``key``, for ``builtin`` where this copy of the package has none.
    """
    if str(path) != NAME:
        return Path(path)
    if not FILE.is_file():
        raise UserError(
            f"{key}: this copy of amc_xai comes without a network of its own; name a trained one, such as "
            "RUN_FOLDER/checkpoints/best.pt"
        )
    return FILE
