"""How much of an image has changed: between two images, or two trees of images (the original study's PID)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.image import imread

from amc_xai.errors import UserError

# The endings that the original study gave the names of its perturbed twins.
_TWIN = re.compile(r"_(?:top|bottom|random)\d+(?:\.\d+)?_blackout$")


class ChangedArea(NamedTuple):
    """Shares of the pixels that differ: ``pixel_fraction`` of all, ``lit_fraction`` of those lit before."""

    pixel_fraction: float
    lit_fraction: float


def changed_area(before: np.ndarray, after: np.ndarray) -> ChangedArea:
    """Compare two images (H, W) or (H, W, C); a pixel has changed if any of its C values has.

    A fourth value is an opacity, which lights nothing.

    ``lit_fraction`` counts changed pixels among those above zero before; NaN if none is.

    Raises:
        UserError: the images differ in shape.
    """
    if before.shape != after.shape:
        raise UserError(
            f"The images to compare have the shapes {before.shape} and {after.shape}; give equal ones."
        )
    changed, lit = before != after, before > 0
    if before.ndim == 3:
        changed, lit = changed.any(-1), lit[..., :3].any(-1)
    among_lit = float(changed[lit].mean()) if lit.any() else float("nan")
    return ChangedArea(float(changed.mean()), among_lit)


def compare_trees(before: str | Path, after: str | Path) -> Iterator[tuple[str, ChangedArea]]:
    """Yield (path of the changed image below ``after``, its changed area) for each pair of two trees of PNGs.

    An image of ``after`` belongs to the one of the same relative path in ``before``, or to that whose name it
    has but for an ending ``_<top|bottom|random><p>_blackout``; so both trees may be one. Two files are a pair.

    Raises:
        UserError: a path is missing, or no image of ``after`` has its pair.
    """
    before, after = Path(before), Path(after)
    for key, path in (("before", before), ("after", after)):
        if not path.exists():
            raise UserError(f"task.{key}: there is no file or folder {path}; name a PNG or a folder of them.")
    if before.is_file() != after.is_file():
        raise UserError("task.before and task.after must be two files or two folders, not one of each.")
    if before.is_file():
        yield after.name, changed_area(_read(before), _read(after))
        return
    pairs = 0
    for path in sorted(after.rglob("*.png")):
        original = before / path.relative_to(after)
        twin = original.with_name(_TWIN.sub("", original.stem) + ".png")
        original = twin if twin.is_file() else original
        if original.is_file() and not original.samefile(path):
            pairs += 1
            yield path.relative_to(after).as_posix(), changed_area(_read(original), _read(path))
    if not pairs:
        raise UserError(
            f"task.after: no PNG below {after} has a pair below {before}; pairs have the same path, or the same "
            "name with _top1_blackout (bottom, random; any number) before .png."
        )


def _read(path: Path) -> np.ndarray:
    try:
        return imread(path)
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"task.before, task.after: {path} can't be read as a PNG ({error}).") from error
