"""``task=compare``: how much of the area of images has changed between two files or two trees."""

import csv
import logging

import numpy as np

from amc_xai.errors import UserError
from amc_xai.files import replacing
from amc_xai.parts import Parts
from amc_xai.perturbation.area import compare_trees

log = logging.getLogger(__name__)


def run(
    parts: Parts,
    name: str = "compare",
    before: str | None = None,
    after: str | None = None,
    needs_checkpoint: bool = False,
) -> float:
    """Compare ``before`` with ``after``; leaves ``changed_area.csv`` and returns the mean share of all pixels."""
    if before is None or after is None:
        raise UserError("task.before and task.after must both name a PNG, or both a folder of PNGs.")
    rows = list(compare_trees(before, after))
    path = parts.folder / "changed_area.csv"
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "pixel_fraction", "lit_fraction"])
        writer.writerows([image, *area] for image, area in rows)
    pixels = float(np.mean([area.pixel_fraction for _, area in rows]))
    lit = [area.lit_fraction for _, area in rows if np.isfinite(area.lit_fraction)]
    of_lit = f", {100 * np.mean(lit):.2f} % of the lit ones" if lit else ""
    log.info("%d pairs: %.2f %% of the pixels changed%s; each in %s", len(rows), 100 * pixels, of_lit, path)
    return pixels
