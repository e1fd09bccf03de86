"""``task=evaluate``: test a checkpoint on one part of its data, or on other data."""

from amc_xai.parts import Parts
from amc_xai.tasks.next_step import after_evaluation
from amc_xai.tasks.reporting import report
from amc_xai.tasks.testing import test
from amc_xai.tasks.tracked import track_test, tracked
from amc_xai.tasks.workbench import Workbench


def run(parts: Parts, name: str = "evaluate", part: str = "test", needs_checkpoint: bool = True) -> float:
    """Test on ``part`` (train, validation, test or all) and return the joint accuracy."""
    bench = Workbench.build(parts)
    indices = bench.split.part(part)
    with tracked(bench) as tracker:
        values = test(bench, indices)
        report(bench, values)
        track_test(tracker, bench, values)
    if bench.accelerator.is_main_process:
        after_evaluation(bench.parts)
    return values["joint_accuracy"]
