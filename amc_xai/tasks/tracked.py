"""The experiment tracker of a task: opened before its work, closed whatever becomes of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from amc_xai.tasks.workbench import Workbench
from amc_xai.tracking import NoTracker, Tracker


@contextmanager
def tracked(bench: Workbench) -> Iterator[Tracker]:
    """The configured tracker, told at the end whether the task failed; the first of several processes has it."""
    parts = bench.parts
    tracker = parts.make["tracker"]() if bench.accelerator.is_main_process else NoTracker()
    tracker.start(parts.folder, parts.config, parts.overrides)
    failed = True
    try:
        yield tracker
        failed = False
    finally:
        tracker.finish(failed)


def track_test(tracker: Tracker, bench: Workbench, values: dict | None) -> None:
    """Give the tracker what a test left: its metrics and the figures of the run folder."""
    tracker.summary(values or {})
    tracker.figures(sorted((bench.parts.folder / "figures").glob("*.png")))
