"""Progress bars that say what is being done and how long is left; silent where nobody watches."""

import sys
from collections.abc import Iterable, Iterator

from tqdm import tqdm


def progress(items: Iterable, text: str, done: int, total: int, unit: str = "batch") -> Iterator:
    """Pass ``items`` on, drawing a bar from ``done`` to ``total`` on a terminal and nothing elsewhere."""
    bar = tqdm(
        items,
        desc=text,
        initial=done,
        total=total,
        unit=unit,
        leave=False,
        dynamic_ncols=True,
        disable=not sys.stderr.isatty(),
    )
    yield from bar
