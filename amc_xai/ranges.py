"""Numbers within their bounds, or one sentence that names the key."""

import math

from amc_xai.errors import UserError

WORDS = {"[0, inf)": "0 or more", "(0, inf)": "above 0", "[1, inf)": "1 or more"}


def check_range(bounds: str, **values: float | None) -> None:
    """Check numbers against ``bounds``, an interval as it is written on paper: ``[0, 1)``, ``(0, inf)``.

    Each is given by its key, with two underscores for a dot: ``check_range("[0, 1)", extractor__dropout=0.3)``.
    None passes: it is for the type to say whether it may be.

    Raises:
        UserError: naming the key, the bounds and the value.
    """
    low, high = (float(part) for part in bounds[1:-1].split(","))
    for name, value in values.items():
        if value is None:
            continue
        above = value >= low if bounds[0] == "[" else value > low
        below = value <= high if bounds[-1] == "]" else value < high
        if not (above and below and math.isfinite(value)):
            words = WORDS.get(bounds, f"within {bounds}")
            raise UserError(f"{name.replace('__', '.')} must be {words}, not {value}")
